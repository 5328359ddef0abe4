import type pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { describeRotation } from '../../../domain/rotations/rotation.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { setVerifier } from '../../../domain/sql/roles.ts';
import { WAL_POSITION_SQL } from '../../../domain/sql/rotation.ts';
import { scramVerifier } from '../../../platform/scram/verifier.ts';
import { sessionFacts } from '../../../platform/target/catalog/cluster.ts';
import { iterationsOf } from '../../../platform/target/catalog/passwords.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import { inTransaction } from '../../../store/connection.ts';
import { markRunSettled } from '../../../store/rotation-runs.ts';
import type { RotationWork } from '../../../store/rotation-work.ts';
import { settleRotations } from '../../../store/rotations.ts';
import type { ControlDeps } from '../deps.ts';
import { endTaskSessions } from '../sessions.ts';
import { performRotationStep, performRotationUndo, type StepContext, type UndoContext } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { FORMER, type Former, formerOfStored, setFormer } from './former.ts';
import { lookUnderRules } from './look.ts';
import { onceSealed, openPending, openPrevious, sealedBefore, storeCurrent } from './secrets.ts';
import { keptOf, onServersOf } from './servers.ts';
import { storedVerifier, verifierOf } from './verifier.ts';

/**
 * Sets the new verifier of an in-place rotation. What was there before is kept sealed, so that undo brings it back byte by byte;
 * where the admin role may not read it, it is made again from the password that is on record.
 * @returns when it was committed, and the end of the WAL then
 */
export function setRolePassword(deps: ControlDeps, input: TaskRef): Promise<{ setAtMs: number; position: number }> {
  return performRotationStep(deps, { ...input, step: 'setRolePassword' }, async (context) => {
    const set = await onServersOf(deps, context.work, (server) => setOn(deps, context, server));
    return { setAtMs: Math.min(...set.map(({ setAtMs }) => setAtMs)), position: set[0].position };
  });
}

function setOn(
  deps: ControlDeps,
  { work, session, assertHolds, note, noted }: StepContext<RotationWork>,
  server: TargetServer,
): Promise<{ setAtMs: number; position: number }> {
  const { login } = work.run;
  const there = describeRotation({ ...work.rotation, serverName: server.name });
  return server.reserve(session(`setting the password of ${there}`), 1, async (lease) => {
    const connection = await lease.connect();
    await connection.transaction(async (client) => {
      await client.query(LOCK_SQL, [[`role:${login}`]]);
      const { canLogin } = await lookUnderRules(client, work, server.name);
      if (!canLogin) {
        throw new Failure('NotAllowed', `${there} has NOLOGIN: nobody logs in with its password`);
      }
      const verifier = await verifierOf(deps, work, { server, client });
      const stored = await storedVerifier(client, login);
      if (stored === verifier) return;
      await onceSealed(deps, work, keptOf(work, FORMER, server), async () =>
        JSON.stringify(await formerOf(deps, work, stored, client)),
      );
      const at = keptOf(work, 'at', server);
      if (noted[at] === undefined) {
        const { rows } = await client.query<{ at: string }>('SELECT clock_timestamp()::text AS at');
        await note({ [at]: rows[0]?.at });
      }
      await assertHolds();
      await client.query(setVerifier(login, verifier));
    });
    const setAtMs = Date.now();
    const { rows } = await connection.client.query<{ position: number }>(WAL_POSITION_SQL);
    return { setAtMs, position: rows[0]?.position ?? 0 };
  });
}

async function formerOf(
  deps: ControlDeps,
  work: RotationWork,
  stored: string | null | undefined,
  client: pg.ClientBase,
): Promise<Former> {
  if (stored !== undefined) return formerOfStored(stored);
  const password = await openPrevious(deps, work);
  if (password === undefined && work.servers.length > 1) {
    // What is set on one server could not be taken back when another one refuses it.
    throw new Failure(
      'NotAllowed',
      `the password of ${describeRotation(work.rotation)} is not known and cannot be read, and its database is on several servers: set one by an update of the database first`,
    );
  }
  if (password === undefined) return { kind: 'unknown' };
  const iterations = iterationsOf(await sessionFacts(client));
  return { kind: 'verifier', verifier: await scramVerifier({ password, iterations }) };
}

/** Brings back the verifier before, unless somebody has set another one meanwhile. */
export function undoSetRolePassword(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performRotationUndo(deps, { ...input, step: 'setRolePassword' }, async (context) => {
    await onServersOf(deps, context.work, (server) => takeBackOn(deps, context, server));
  });
}

async function takeBackOn(
  deps: ControlDeps,
  { work, session }: UndoContext<RotationWork>,
  server: TargetServer,
): Promise<void> {
  const sealed = await sealedBefore(deps, work, keptOf(work, FORMER, server));
  // It never came to the change.
  if (sealed === undefined) return;
  const former = JSON.parse(sealed) as Former;
  if (former.kind === 'unknown') return keepNew(deps, work);
  const { login } = work.run;
  await endTaskSessions(server, session('ending sessions of the task'), work.taskId);
  const there = describeRotation({ ...work.rotation, serverName: server.name });
  const doing = session(`bringing back the password of ${there}`);
  await server.inMaintenanceTransaction(doing, async (client) => {
    await client.query(LOCK_SQL, [[`role:${login}`]]);
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [login]);
    const stored = await storedVerifier(client, login);
    const isOurs =
      stored === undefined || stored === (await sealedBefore(deps, work, keptOf(work, 'verifier', server)));
    if (rowCount === 0 || !isOurs) return;
    await setFormer(client, login, former);
  });
}

/** Nobody knows the password before: the new one logs in, so it is the current one, and whoever asks is shown it. */
async function keepNew(deps: ControlDeps, work: RotationWork): Promise<void> {
  const { rotation, taskId } = work;
  const password = await openPending(deps, work);
  const version = rotation.secretVersion + 1;
  await inTransaction(deps.db, async (tx) => {
    await storeCurrent(deps, tx, { rotationId: rotation.id, version, password });
    await settleRotations(tx, [{ id: rotation.id, login: null, secretVersion: version }]);
    await markRunSettled(tx, taskId);
  });
  throw new Failure('NotAllowed', newStays(rotation));
}

/** There is no way back: what the task says then. */
export function newStays(rotation: Parameters<typeof describeRotation>[0] & { id: string }): string {
  return `the password of ${describeRotation(rotation)} before this run is not known and cannot be read, so the new one stays: ask for it with POST /v1/rotations/${rotation.id}/secret`;
}
