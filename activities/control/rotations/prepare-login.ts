import { Failure } from '../../../domain/failures.ts';
import { renderRotationMarker } from '../../../domain/marker.ts';
import { describeRotation } from '../../../domain/rotations/rotation.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { openLogin } from '../../../domain/sql/roles.ts';
import { prepareLogin as prepareLoginSql, retireLogin, WAL_POSITION_SQL } from '../../../domain/sql/rotation.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import type { RotationWork } from '../../../store/rotation-work.ts';
import type { ControlDeps } from '../deps.ts';
import { endTaskSessions } from '../sessions.ts';
import { performRotationStep, performRotationUndo, type StepContext } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { lookAtRole, lookUnderRules } from './look.ts';
import { onServersOf } from './servers.ts';
import { storedVerifier, verifierOf } from './verifier.ts';

/**
 * Makes the idle one of two logins act as the role, in everything that a login does not inherit, and opens it with the new verifier:
 * one transaction. The login that is current goes on.
 * @throws Failure NameConflict for a role of that name which this rotation did not make
 */
export function prepareLogin(deps: ControlDeps, input: TaskRef): Promise<{ setAtMs: number; position: number }> {
  return performRotationStep(deps, { ...input, step: 'prepareLogin' }, async (context) => {
    const [own] = await onServersOf(deps, context.work, (server) => prepareOn(deps, context, server));
    return own;
  });
}

function prepareOn(
  deps: ControlDeps,
  { work, session, assertHolds }: StepContext<RotationWork>,
  server: TargetServer,
): Promise<{ setAtMs: number; position: number }> {
  const { rotation, run } = work;
  const { roleName: role, options } = rotation;
  const { login } = run;
  return server.reserve(session(`preparing login "${login}" on server ${server.name}`), 1, async (lease) => {
    const connection = await lease.connect();
    await connection.transaction(async (client) => {
      await client.query(LOCK_SQL, [[`role:${role}`, `role:${login}`]]);
      const traits = await lookUnderRules(client, work, server.name);
      const existing = await lookAtRole(client, login);
      const comment = renderRotationMarker({ installationId: deps.installationId, rotationId: rotation.id });
      if (existing !== undefined && existing.comment !== comment) {
        throw new Failure(
          'NameConflict',
          `role "${login}" exists on server ${server.name} and was not made by this rotation; name others with "logins"`,
        );
      }
      const { rows } = await client.query<{ version: number }>(
        `SELECT current_setting('server_version_num')::int AS version`,
      );
      const verifier = await verifierOf(deps, work, { server, client });
      await assertHolds();
      const serverVersion = rows[0]?.version ?? 0;
      const statements = prepareLoginSql({
        ...{ login, role, comment, traits, serverVersion },
        exists: existing !== undefined,
        databases: options.databases,
      });
      if ((await storedVerifier(client, login)) !== verifier || existing?.canLogin !== true) {
        statements.push(openLogin(login, verifier));
      }
      // Who makes a role on 16+ is its member with ADMIN only; what is needed here is that and nothing else.
      await client.query(statements.join('; '));
    });
    const setAtMs = Date.now();
    const { rows } = await connection.client.query<{ position: number }>(WAL_POSITION_SQL);
    return { setAtMs, position: rows[0]?.position ?? 0 };
  });
}

/** Closes the login again. It stays, without a password, for the next run. */
export function undoPrepareLogin(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performRotationUndo(deps, { ...input, step: 'prepareLogin' }, async ({ work, session }) => {
    const { rotation, run } = work;
    await onServersOf(deps, work, async (server) => {
      await endTaskSessions(server, session('ending sessions of the task'), work.taskId);
      const there = describeRotation({ ...rotation, serverName: server.name });
      await server.inMaintenanceTransaction(session(`closing the idle login of ${there}`), async (client) => {
        await client.query(LOCK_SQL, [[`role:${run.login}`]]);
        const seen = await lookAtRole(client, run.login);
        const comment = renderRotationMarker({ installationId: deps.installationId, rotationId: rotation.id });
        if (seen?.comment === comment) await client.query(retireLogin(run.login));
      });
    });
  });
}
