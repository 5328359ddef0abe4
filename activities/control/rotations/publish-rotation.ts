import { passwordFingerprint } from '../../../platform/access/changed-passwords.ts';
import { sealStored } from '../../../platform/secrets/seal-stored.ts';
import { inTransaction, type Queryable } from '../../../store/connection.ts';
import { noteRoles } from '../../../store/credentials.ts';
import { findRunOfTask, markRunSettled, noteMeasured, releaseDatabases } from '../../../store/rotation-runs.ts';
import { loadRotationWork, type RotationWork } from '../../../store/rotation-work.ts';
import { lockRotation, settleRotations } from '../../../store/rotations.ts';
import { currentSecrets, databaseSecretOwner, insertSecrets, userSecretId } from '../../../store/secrets.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskRef } from '../types.ts';
import { lookAtRole } from './look.ts';
import { openPending, storeCurrent } from './secrets.ts';
import { onServersOf } from './servers.ts';

/** The point of no return: the new password is the current one, everywhere where the old one was on record. */
export async function publishRotation(
  deps: ControlDeps,
  input: TaskRef & { windowMs?: number; gapMs?: number },
): Promise<void> {
  const { taskId, windowMs, gapMs } = input;
  const work = await loadRotationWork(deps.db, taskId);
  const password = await openPending(deps, work);
  const { login } = work.run;
  const oids = await onServersOf(deps, work, async (server) => ({
    serverName: server.name,
    oid: await server.onMaintenance(
      { applicationName: 'pgsteward', doing: `looking at role "${login}"` },
      async (client) => (await lookAtRole(client, login))?.oid ?? 0,
    ),
  }));
  await inTransaction(deps.db, async (tx) => {
    const rotation = await lockRotation(tx, work.rotation.id);
    if (rotation === undefined || (await findRunOfTask(tx, taskId))?.settledAt != null) return;
    const version = rotation.secretVersion + 1;
    await storeCurrent(deps, tx, { rotationId: rotation.id, version, password });
    const alternating = rotation.strategy === 'alternating';
    await settleRotations(tx, [{ id: rotation.id, login: alternating ? login : null, secretVersion: version }]);
    if (!alternating) await recordOfDatabase(deps, tx, work, password);
    for (const { serverName, oid } of oids) {
      if (alternating) await recordLogin(tx, { ...work, serverName }, oid);
      const submitted = { kind: 'password', password } as const;
      const fingerprint = passwordFingerprint(deps.sealer, serverName, login, submitted);
      await noteRoles(tx, { serverName, roles: [{ roleName: login, oid, passwordFingerprint: fingerprint }] });
    }
    await markRunSettled(tx, taskId);
    // What is left is of the former login alone.
    await releaseDatabases(tx, input);
    const measured = {
      ...(windowMs !== undefined && { window_ms: windowMs }),
      ...(gapMs !== undefined && { gap_ms: gapMs }),
    };
    await noteMeasured(tx, { taskId, measured });
    await appendLog(tx, { taskId, entries: [{ message: lineOf(input, login), fields: measured }] });
  });
}

function lineOf({ windowMs }: { windowMs?: number }, login: string): string {
  const current = `the new password is the current one, of login "${login}"`;
  return windowMs === undefined
    ? current
    : `${current}; for ${windowMs} ms it was not yet with every service, and the former one was not valid any more`;
}

/** A login belongs to whoever the role belongs to, so that it goes with it. */
async function recordLogin(tx: Queryable, { serverName, rotation, run }: RotationWork, oid: number): Promise<void> {
  await tx.query(
    `INSERT INTO credentials (server_name, role_name, owner, database_id, origin, version, role_oid)
     SELECT $1, $2, coalesce(o.owner, $4), o.database_id, 'rotation', 0, $5
     FROM (SELECT) AS one LEFT JOIN credentials o ON o.server_name = $1 AND o.role_name = $3
     ON CONFLICT (server_name, role_name) DO UPDATE SET role_oid = excluded.role_oid`,
    [serverName, run.login, rotation.roleName, `rotation/${rotation.id}`, oid],
  );
}

/** The specification of a database says whose password it is: services that are changed later are given this one. */
async function recordOfDatabase(
  deps: ControlDeps,
  tx: Queryable,
  { serverName, servers, run }: RotationWork,
  password: string,
): Promise<void> {
  const { rows } = await tx.query<{ databaseId: string | null }>(
    'SELECT database_id AS "databaseId" FROM credentials WHERE server_name = $1 AND role_name = $2',
    [serverName, run.login],
  );
  const databaseId = rows[0]?.databaseId;
  if (databaseId == null) return;
  const id = userSecretId(databaseId, run.login);
  const version = ((await currentSecrets(tx, [id])).get(id)?.version ?? 0) + 1;
  const owner = databaseSecretOwner(databaseId);
  await tx.query('DELETE FROM secrets WHERE id = $1', [id]);
  await insertSecrets(tx, [sealStored(deps.sealer, { id, owner, version }, password)]);
  await tx.query(
    'UPDATE credentials SET secret_id = $3, version = $4 - 1 WHERE server_name = ANY ($1) AND role_name = $2',
    [servers, run.login, id, version],
  );
}
