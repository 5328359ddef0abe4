import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import { type JwtKeys, overlapOf, readJwtKeys } from '../../domain/postgrest/jwt-keys.ts';
import { openStored } from '../../platform/secrets/open-stored.ts';
import { publicKeyOfPem } from '../../platform/secrets/public-key.ts';
import { sealStored } from '../../platform/secrets/seal-stored.ts';
import { startJwtRotation } from '../../platform/temporal/start-jwt-rotation.ts';
import { insertAudit } from '../../store/audit.ts';
import { inTransaction, type Queryable } from '../../store/connection.ts';
import { type DatabaseRecord, findDatabase, lockDatabase } from '../../store/databases.ts';
import { listInstances } from '../../store/instances.ts';
import {
  insertJwtRotation,
  type JwtRotationRecord,
  moveJwtRotation,
  newestJwtRotation,
} from '../../store/jwt-rotations.ts';
import { beginSecretUpdate } from '../../store/secret-updates.ts';
import { currentSecrets, jwtSecretId, type StoredSecret } from '../../store/secrets.ts';
import type { TaskRecord } from '../../store/tasks.ts';
import { refuseHeld } from '../approvals/hold.ts';
import { askedBy, auditIntent } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import { noSuchDatabase } from '../databases/absent.ts';
import { startRun } from '../databases/start-run.ts';
import { assertModifiable } from '../databases/states.ts';
import { surroundings } from '../databases/surroundings.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidInput } from '../errors.ts';
import { type ChangeRequest, changeRequest } from '../idempotency.ts';
import {
  acceptedJwtRotationSchema,
  type jwtRotationBodySchema,
  type jwtRotationSchema,
} from '../schemas/jwt-rotation.ts';
import { renderTask } from '../tasks/render.ts';
import { timestamp } from '../time.ts';

/** Text of base64url, which is a secret as it is. */
const MADE_BYTES = 48;

type Body = z.output<typeof jwtRotationBodySchema>;
type Accepted = z.infer<typeof acceptedJwtRotationSchema>;

/** As it is kept for retries: a secret that was made is sealed. */
const keptSchema = acceptedJwtRotationSchema
  .omit({ jwt_secret: true })
  .extend({ sealed: z.object({ keyId: z.string(), bytes: z.base64() }).optional() });
type Kept = z.infer<typeof keptSchema>;

interface Rotation {
  databaseId: string;
  serviceId: string;
  body: Body;
}

/**
 * Accepts a new JWT key for a service: an update by which its instances learn it, the former one counting beside it. A run takes
 * that away when the grace is over.
 * @throws ApiError 404, 409 while something else is under way for the database, or where the service has no key
 */
export async function acceptJwtRotation(deps: ApiDeps, caller: Caller, of: Rotation): Promise<Accepted> {
  const { databaseId, serviceId, body } = of;
  const given = body.key === undefined ? undefined : readKey(body.key);
  const made = given === undefined ? randomBytes(MADE_BYTES).toString('base64url') : undefined;
  const keys: JwtKeys = given ?? { kind: 'text', text: made ?? '' };
  const change = changeRequest(deps, {
    caller,
    route: 'POST /v1/databases/{database_id}/services/{service_id}/jwt-rotation',
    content: { databaseId, serviceId, ...body },
    answer: keptSchema,
  });
  let fresh = false;
  const kept = await change.once(async () => {
    await refuseWhereHeld(deps, caller, databaseId);
    const { task, rotation, answer, hostIds } = await record(deps, caller, { ...of, keys, made, change });
    fresh = true;
    await startRun(deps, task, hostIds);
    await startJwtRotation(deps.workflows, rotation, { taskQueue: deps.taskQueue }).catch((error: unknown) => {
      deps.log.warn({ err: error, rotationId: rotation.id }, 'the run of a rotation is left to the reconciler');
    });
    return answer;
  });
  const { sealed, ...answer } = kept;
  if (sealed === undefined) return answer;
  const secret = fresh && made !== undefined ? made : await revealAgain(deps, caller, kept);
  return { ...answer, jwt_secret: secret };
}

/** @throws ApiError 400 for what is no key; the key itself is not repeated */
function readKey(key: string | Record<string, unknown>): JwtKeys {
  const text = typeof key === 'string' ? key : JSON.stringify(key);
  const asJwk = text.startsWith('-----BEGIN') ? publicKeyOfPem(text) : text;
  if (asJwk === undefined) throw invalidInput([{ path: 'key', message: 'must be a public key, where it is PEM' }]);
  const read = readJwtKeys(asJwk);
  if ('problem' in read) throw invalidInput([{ path: 'key', message: read.problem }]);
  return read;
}

/** The answer is the key itself: nobody waits for it, so that a policy about rotations refuses it. */
async function refuseWhereHeld(deps: ApiDeps, caller: Caller, databaseId: string): Promise<void> {
  const database = await findDatabase(deps.db, databaseId);
  if (database === undefined) throw noSuchDatabase();
  const around = await surroundings(deps.db);
  const hosts = new Set(database.spec.nodes.flatMap(({ host_ids: ids }) => ids));
  const servers = new Set([...around.hosts.values()].filter(({ id }) => hosts.has(id)).map((host) => host.serverName));
  for (const serverName of servers) {
    if (serverName !== null) await refuseHeld(deps, caller, { serverName, kind: 'rotation', roles: [] });
  }
}

/** One transaction. */
function record(
  deps: ApiDeps,
  caller: Caller,
  of: Rotation & { keys: JwtKeys; made: string | undefined; change: ChangeRequest<Kept> },
): Promise<{ task: TaskRecord; rotation: JwtRotationRecord; answer: Kept; hostIds: string[] }> {
  const { databaseId, serviceId, keys, made, change, body } = of;
  return inTransaction(deps.db, async (tx) => {
    const database = await lockDatabase(tx, databaseId);
    if (database === undefined) throw noSuchDatabase();
    assertModifiable(database, 'updated');
    const former = await requireSecret(tx, database, serviceId);
    await endSuperseded(tx, { databaseId, serviceId, version: former.version });
    const { secret, newKeys } = bothKeys(deps, { former, keys });
    const task = await beginSecretUpdate(tx, { database, secret, actor: caller.account, requestHash: change.hash });
    const rotation = await insertJwtRotation(tx, {
      ...{ id: uuidv7(), databaseId, serviceId, newKeys, secretVersion: secret.version, openingTask: task.id },
      asText: keys.kind === 'text',
      graceSeconds: body.grace_seconds,
      actor: caller.account,
    });
    await auditIntent(tx, caller, {
      action: 'database.update',
      resource: `database/${databaseId}`,
      taskId: task.id,
      detail: {
        operation: 'database.jwt_rotation',
        service_id: serviceId,
        rotation: rotation.id,
        grace_seconds: body.grace_seconds,
      },
    });
    const sealed = made === undefined ? {} : { sealed: sealForRetry(deps, rotation.id, made) };
    const answer: Kept = { task: renderTask(task), rotation: renderJwtRotation(rotation), ...sealed };
    await change.keep(tx, answer);
    const instances = await listInstances(tx, [databaseId]);
    return { task, rotation, answer, hostIds: instances.map(({ hostId }) => hostId) };
  });
}

/** The key that counts so far. @throws ApiError */
async function requireSecret(tx: Queryable, database: DatabaseRecord, serviceId: string): Promise<StoredSecret> {
  const service = database.spec.services?.find(({ service_id: id }) => id === serviceId);
  if (service === undefined) throw noSuchService(serviceId);
  const id = jwtSecretId(database.id, serviceId);
  const secret = (await currentSecrets(tx, [id])).get(id);
  if (secret !== undefined && database.provisioned) return secret;
  throw new ApiError(
    'database_not_modifiable',
    `service ${JSON.stringify(serviceId)} has no key to rotate: give it config.jwt_secret by an update of the database first`,
  );
}

/** One that an update has made pointless does not stand in the way. @throws ApiError 409 while one is under way */
async function endSuperseded(
  tx: Queryable,
  of: { databaseId: string; serviceId: string; version: number },
): Promise<void> {
  const newest = await newestJwtRotation(tx, of);
  if (newest === undefined || newest.endedAt !== null) return;
  const { id, state, secretVersion, graceEndsAt } = newest;
  if (state === 'overlap' && secretVersion !== of.version) {
    await moveJwtRotation(tx, { id, state: 'superseded', reason: 'an update has set jwt_secret since' });
    return;
  }
  const end = graceEndsAt === null ? '' : `; both keys count until ${timestamp(graceEndsAt)}`;
  throw new ApiError(
    'operation_already_in_progress',
    `a rotation of the key of service ${JSON.stringify(of.serviceId)} is under way (${state}${end}): wait for its end, or set config.jwt_secret by an update`,
  );
}

function bothKeys(
  deps: Pick<ApiDeps, 'sealer'>,
  { former, keys }: { former: StoredSecret; keys: JwtKeys },
): { secret: StoredSecret; newKeys: number } {
  const text = openStored(deps.sealer, former);
  const read = readJwtKeys(text);
  // What an earlier release took, or what only looks like a key, is the secret that PostgREST takes it for.
  const previous: JwtKeys = 'problem' in read ? { kind: 'text', text } : read;
  const overlap = overlapOf(keys, previous);
  const identity = { id: former.id, owner: former.owner, version: former.version + 1 };
  return { secret: sealStored(deps.sealer, identity, overlap.text), newKeys: overlap.newKeys };
}

/** The newest rotation of a service. @throws ApiError 404 */
export async function showJwtRotation(
  deps: ApiDeps,
  of: { databaseId: string; serviceId: string },
): Promise<z.infer<typeof jwtRotationSchema>> {
  const [database, newest] = await Promise.all([findDatabase(deps.db, of.databaseId), newestJwtRotation(deps.db, of)]);
  if (database === undefined) throw noSuchDatabase();
  if (newest !== undefined) return renderJwtRotation(newest);
  const isThere = database.spec.services?.some(({ service_id: id }) => id === of.serviceId) ?? false;
  if (!isThere) throw noSuchService(of.serviceId);
  throw new ApiError('not_found', `the key of service ${JSON.stringify(of.serviceId)} was never rotated`);
}

function noSuchService(serviceId: string): ApiError {
  return new ApiError('not_found', `the database has no service ${JSON.stringify(serviceId)}`);
}

function renderJwtRotation(rotation: JwtRotationRecord): z.infer<typeof jwtRotationSchema> {
  const { reason, graceEndsAt, closingTask, endedAt } = rotation;
  return {
    id: rotation.id,
    database_id: rotation.databaseId,
    service_id: rotation.serviceId,
    state: rotation.state,
    ...(reason === null ? {} : { reason }),
    grace_seconds: rotation.graceSeconds,
    ...(graceEndsAt === null ? {} : { grace_ends_at: timestamp(graceEndsAt) }),
    opening_task_id: rotation.openingTask,
    ...(closingTask === null ? {} : { closing_task_id: closingTask }),
    requested_by: rotation.actor,
    created_at: timestamp(rotation.createdAt),
    ...(endedAt === null ? {} : { ended_at: timestamp(endedAt) }),
  };
}

const identityOf = (id: string) => ({ secretId: `jwt-rotation/${id}`, owner: `jwt-rotation/${id}`, version: 1 });

function sealForRetry(deps: Pick<ApiDeps, 'sealer'>, id: string, text: string): NonNullable<Kept['sealed']> {
  const { keyId, bytes } = deps.sealer.seal(identityOf(id), text);
  return { keyId, bytes: bytes.toString('base64') };
}

/** The secret once more, for the same request; audited as a reveal. */
async function revealAgain(deps: Pick<ApiDeps, 'db' | 'sealer'>, caller: Caller, kept: Kept): Promise<string | null> {
  const { sealed, rotation } = kept;
  if (sealed === undefined) return null;
  await insertAudit(deps.db, {
    kind: 'reveal',
    ...askedBy(caller),
    action: 'database.jwt_secret',
    resource: `database/${rotation.database_id}`,
  });
  return deps.sealer.open(identityOf(rotation.id), { keyId: sealed.keyId, bytes: Buffer.from(sealed.bytes, 'base64') });
}
