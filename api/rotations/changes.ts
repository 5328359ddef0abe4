import type { z } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import { isTold, rotationResource } from '../../domain/rotations/request.ts';
import {
  type ConsumerSecrets,
  consumerSecretId,
  describeRotation,
  type RotationOptions,
  rotationOwner,
} from '../../domain/rotations/rotation.ts';
import { sealStored } from '../../platform/secrets/seal-stored.ts';
import { applySchedule } from '../../platform/temporal/rotation-schedules.ts';
import { inTransaction, type Queryable } from '../../store/connection.ts';
import { findOpenRun, lastRuns } from '../../store/rotation-runs.ts';
import {
  findRotation,
  insertRotation,
  lockRotation,
  markRotationDeleted,
  noteApplied,
  otherRotationOf,
  type RotationRecord,
  serversOfRole,
  updateRotation,
} from '../../store/rotations.ts';
import { currentSecrets, deleteSecretsOf, insertSecrets } from '../../store/secrets.ts';
import { mayUse } from '../access/may-use.ts';
import { auditChange } from '../audit-change.ts';
import { assertAdmin, type Caller, withoutKey } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidInput } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { type changeRotationSchema, type createRotationSchema, rotationSchema } from '../schemas/rotation.ts';
import { assertGraceFits, consumersOf, graceOf, scheduleOf, sessionsOf } from './definition.ts';
import { renderRotation } from './render.ts';
import { assertRotatable, serverOf } from './subject.ts';

type Shown = z.infer<typeof rotationSchema>;
type CreateBody = z.infer<typeof createRotationSchema>;

/** Sessions of a login that is retired come to an end; those of a role that goes on need not. */
const DEFAULT_SESSIONS = {
  alternating: { policy: 'drain', drainMs: 300_000 },
  'in-place': { policy: 'keep', drainMs: 0 },
} as const;

/** Defines the rotation of a role; its schedule is made when that is on record. @throws ApiError */
export async function createRotation(deps: ApiDeps, caller: Caller, body: CreateBody): Promise<Shown> {
  const change = changeRequest(deps, { caller, route: 'POST /v1/rotations', content: body, answer: rotationSchema });
  let made: RotationRecord | undefined;
  const answer = await change.once(async () => {
    const serverName = await serverOf(deps, caller, body);
    const { role: roleName, strategy, override } = body;
    const schedule = scheduleOf(body.schedule);
    const { consumers, secrets } = consumersOf(deps, caller, body.consumers);
    const options = optionsOf(body);
    assertGraceFits(schedule, options);
    await assertRotatable(deps, caller, { serverName, role: roleName, override });
    return inTransaction(deps.db, async (tx) => {
      const twin = await otherRotationOf(tx, { roleName, servers: await lockServersOf(tx, { serverName, roleName }) });
      if (twin !== undefined) {
        throw new ApiError(
          'already_exists',
          `the same password has a rotation on server ${twin}, which changes it on all`,
        );
      }
      const id = uuidv7();
      const wanted = { id, serverName, roleName, strategy, schedule, options, consumers, actor: caller.account };
      made = await insertRotation(tx, wanted);
      if (made === undefined) {
        throw new ApiError('already_exists', `${describeRotation({ serverName, roleName })} has a rotation already`);
      }
      await storeSecrets(deps, tx, id, secrets);
      await auditChange(tx, caller, {
        action: 'rotation.create',
        resource: rotationResource(id),
        detail: { after: auditable(made) },
      });
      const shown = renderRotation(made, undefined);
      await change.keep(tx, shown);
      return shown;
    });
  });
  if (made !== undefined) await tellTemporal(deps, made);
  return answer;
}

/** Servers that the password is of, with its rows locked: of two definitions on two of them one comes first. */
async function lockServersOf(tx: Queryable, of: { serverName: string; roleName: string }): Promise<string[]> {
  const servers = await serversOfRole(tx, of);
  await tx.query(
    'SELECT FROM credentials WHERE server_name = ANY ($1) AND role_name = $2 ORDER BY server_name FOR UPDATE',
    [servers, of.roleName],
  );
  return servers;
}

function optionsOf(body: CreateBody): RotationOptions {
  const { strategy, logins, databases, override } = body;
  if (strategy === 'in-place') {
    const misplaced = (['logins', 'databases'] as const).filter((name) => body[name] !== undefined);
    if (graceOf(body.grace) > 0)
      throw invalidInput([{ path: 'grace', message: 'is of alternating rotations: one role has one password' }]);
    if (misplaced.length > 0) {
      throw invalidInput(misplaced.map((path) => ({ path, message: 'is of alternating rotations' })));
    }
  }
  return {
    graceMs: graceOf(body.grace),
    sessions: body.sessions === undefined ? { ...DEFAULT_SESSIONS[strategy] } : sessionsOf(body.sessions),
    ...(logins !== undefined && { logins }),
    ...(databases !== undefined && { databases }),
    ...(override && { override: true as const }),
  };
}

/** Changes a rotation. Consumers stay as they are while a run is under way. @throws ApiError */
export function changeRotation(
  deps: ApiDeps,
  caller: Caller,
  request: { id: string; body: z.infer<typeof changeRotationSchema> },
): Promise<Shown> {
  const { body } = request;
  return changeRow(
    deps,
    caller,
    { ...request, route: 'PATCH /v1/rotations/{rotation_id}', action: 'rotation.change' },
    async (tx, before) => {
      if (body.consumers !== undefined && before.consumers.some(isTold))
        assertAdmin(caller, 'a change of such consumers');
      const told = body.consumers === undefined ? undefined : consumersOf(deps, caller, body.consumers);
      if (told !== undefined) {
        await refuseOpen(tx, before, 'its consumers stay as they are until then');
        await storeSecrets(deps, tx, before.id, told.secrets);
      }
      const schedule = body.schedule === undefined ? undefined : scheduleOf(body.schedule);
      const grace = body.grace === undefined ? before.options.graceMs : graceOf(body.grace);
      if (before.strategy === 'in-place' && grace > 0) {
        throw invalidInput([{ path: 'grace', message: 'is of alternating rotations: one role has one password' }]);
      }
      const options = {
        ...before.options,
        graceMs: grace,
        ...(body.sessions !== undefined && { sessions: sessionsOf(body.sessions) }),
      };
      assertGraceFits(schedule === undefined ? before.schedule : schedule, options);
      return updateRotation(tx, before.id, {
        options,
        ...(schedule !== undefined && { schedule }),
        ...(told !== undefined && { consumers: told.consumers }),
      });
    },
  );
}

/** Stops the schedule, or goes on with it. What is under way goes on. @throws ApiError */
export function pauseRotation(deps: ApiDeps, caller: Caller, request: { id: string; paused: boolean }): Promise<Shown> {
  const word = request.paused ? 'pause' : 'resume';
  const route = `POST /v1/rotations/{rotation_id}/${word}`;
  return changeRow(deps, caller, { ...request, route, action: `rotation.${word}` }, (tx, before) =>
    updateRotation(tx, before.id, { paused: request.paused }),
  );
}

/** Removes a rotation with its history and its secret. The role keeps its password. @throws ApiError */
export function deleteRotation(deps: ApiDeps, caller: Caller, id: string): Promise<Shown> {
  const route = 'DELETE /v1/rotations/{rotation_id}';
  return changeRow(deps, caller, { id, route, action: 'rotation.delete', keepsShown: true }, async (tx, before) => {
    await refuseOpen(tx, before, 'delete it then');
    if (before.currentLogin !== null && (await isServed(tx, before))) {
      throw new ApiError(
        'operation_not_supported',
        `services log in as "${before.currentLogin}", whose password this rotation keeps: take them off the role, or delete their database, first`,
      );
    }
    await deleteSecretsOf(tx, rotationOwner(id));
    await markRotationDeleted(tx, id);
    return { ...before, deletedAt: new Date(), revision: before.revision + 1 };
  });
}

async function isServed(tx: Queryable, { serverName, roleName }: RotationRecord): Promise<boolean> {
  const { rowCount } = await tx.query(
    `SELECT FROM databases d JOIN database_servers s ON s.database_id = d.id
     WHERE s.server_name = $1
       AND d.spec @> jsonb_build_object('services', jsonb_build_array(jsonb_build_object('connect_as', $2::text))) LIMIT 1`,
    [serverName, roleName],
  );
  return (rowCount ?? 0) > 0;
}

async function changeRow(
  deps: ApiDeps,
  caller: Caller,
  request: { id: string; route: string; action: string; keepsShown?: boolean; body?: unknown; paused?: boolean },
  make: (tx: Queryable, before: RotationRecord) => Promise<RotationRecord>,
): Promise<Shown> {
  const { route, action, ...content } = request;
  const change = changeRequest(deps, { caller, route, content, answer: rotationSchema });
  let changed: RotationRecord | undefined;
  const answer = await change.atOnce(async (tx) => {
    const before = await lockRotation(tx, request.id);
    if (before === undefined || !mayUse(caller, 'servers', before.serverName)) throw noSuchRotation();
    const last = (await lastRuns(tx, [before.id])).get(before.id);
    changed = await make(tx, before);
    const isGone = changed.deletedAt !== null;
    await auditChange(tx, withoutKey(caller), {
      action,
      resource: rotationResource(before.id),
      detail: { before: auditable(before), ...(isGone ? {} : { after: auditable(changed) }) },
    });
    return renderRotation(isGone ? before : changed, last);
  });
  if (changed !== undefined) await tellTemporal(deps, changed);
  return answer;
}

async function refuseOpen(tx: Queryable, rotation: RotationRecord, otherwise: string): Promise<void> {
  const open = await findOpenRun(tx, rotation.id);
  if (open === undefined) return;
  throw new ApiError('operation_already_in_progress', `the run of task ${open.taskId} is under way; ${otherwise}`);
}

/** The row counts: what Temporal does not take now, the reconciler repeats. */
async function tellTemporal(deps: ApiDeps, rotation: RotationRecord): Promise<void> {
  if (rotation.revision === rotation.appliedRevision) return;
  const { id, schedule, createdAt, pausedAt, deletedAt, revision } = rotation;
  try {
    const wanted = {
      rotationId: id,
      schedule: deletedAt === null ? schedule : null,
      definedAt: createdAt,
      paused: pausedAt !== null,
      subject: describeRotation(rotation),
    };
    await applySchedule(deps.workflows, wanted, deps);
    await noteApplied(deps.db, { id, revision });
  } catch (error) {
    deps.log.warn({ err: error, rotationId: id }, 'Temporal did not take a schedule; the reconciler will make it');
  }
}

/** One that the caller may see. @throws ApiError 404 */
export async function requireRotation(deps: Pick<ApiDeps, 'db'>, caller: Caller, id: string): Promise<RotationRecord> {
  const found = await findRotation(deps.db, id);
  if (found === undefined || !mayUse(caller, 'servers', found.serverName)) throw noSuchRotation();
  return found;
}

export function noSuchRotation(): ApiError {
  return new ApiError('not_found', 'no rotation found with the given ID');
}

async function storeSecrets(deps: ApiDeps, tx: Queryable, rotationId: string, secrets: ConsumerSecrets): Promise<void> {
  const [id, owner] = [consumerSecretId(rotationId), rotationOwner(rotationId)];
  const version = ((await currentSecrets(tx, [id])).get(id)?.version ?? 0) + 1;
  await tx.query('DELETE FROM secrets WHERE id = $1', [id]);
  await insertSecrets(tx, [sealStored(deps.sealer, { id, owner, version }, JSON.stringify(secrets))]);
}

function auditable({ serverName, roleName, strategy, schedule, options, consumers, pausedAt }: RotationRecord) {
  return { server: serverName, role: roleName, strategy, schedule, options, consumers, paused: pausedAt !== null };
}
