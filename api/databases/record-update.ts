import type { z } from '@hono/zod-openapi';
import { serviceInstanceId } from '../../domain/identifiers.ts';
import { separateSecrets } from '../../domain/spec/secrets.ts';
import type { DatabaseSpec, SpecRequest } from '../../domain/spec/types.ts';
import { TASK_WORKFLOWS } from '../../domain/task-workflows.ts';
import type { ChangeInstance } from '../../domain/update/instances.ts';
import { insertChange } from '../../store/changes.ts';
import { inTransaction, type Queryable } from '../../store/connection.ts';
import { listCredentials } from '../../store/credentials.ts';
import { beginUpdate, type DatabaseRecord, forgetDatabaseServers, lockDatabase } from '../../store/databases.ts';
import { type InstanceRecord, keepInstances, listInstances } from '../../store/instances.ts';
import { insertSecrets, jwtSecretId } from '../../store/secrets.ts';
import { appendLog, insertTask, type TaskRecord } from '../../store/tasks.ts';
import { auditIntent } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidInput } from '../errors.ts';
import type { ChangeRequest } from '../idempotency.ts';
import type { acceptedDatabaseSchema } from '../schemas/database.ts';
import { renderTask } from '../tasks/render.ts';
import { noSuchDatabase } from './absent.ts';
import type { UpdateOptions } from './accept-update.ts';
import { claimNames, claimRoles, rolesOf } from './claim-names.ts';
import { claimPorts } from './claim-ports.ts';
import type { JudgedUpdate } from './judge-update.ts';
import { type NextSecrets, nextSecrets } from './next-secrets.ts';
import type { ChosenPort } from './port-wishes.ts';
import { renderDatabase } from './render.ts';
import { assertModifiable } from './states.ts';

type AcceptedDatabase = z.infer<typeof acceptedDatabaseSchema>;

/** A request to change a database. */
export interface UpdateRequest {
  caller: Caller;
  change: ChangeRequest<AcceptedDatabase>;
  databaseId: string;
  request: SpecRequest;
  options: UpdateOptions;
}

/** The same, judged, with a port for each instance that is to be. */
export interface AcceptableUpdate extends UpdateRequest {
  judged: JudgedUpdate;
  ports: ChosenPort[];
}

/**
 * One transaction: everything that the request takes, or nothing. A database that was never made (its create failed) is made by
 * the update.
 * @throws ApiError for what somebody else took or began meanwhile, PortTaken where other ports may do
 */
export function recordUpdate(
  deps: ApiDeps,
  update: AcceptableUpdate,
): Promise<{ task: TaskRecord; accepted: AcceptedDatabase }> {
  const { databaseId, request, caller, judged } = update;
  const { publicSpec, secrets } = separateSecrets(request.spec);
  return inTransaction(deps.db, async (tx) => {
    const before = await lockJudged(tx, judged.database);
    const versions = await nextSecrets(deps, tx, { databaseId, spec: publicSpec, secrets });
    const names = { ...update, knowledge: judged.knowledge, secrets };
    const taken = before.provisioned
      ? await takeForChange(tx, update, () => claimRoles(tx, names))
      : await takeForMaking(tx, update, () => claimNames(tx, names));
    await insertSecrets(tx, versions.added);
    const database = await beginUpdate(tx, { id: databaseId, spec: publicSpec });
    const task = await insertTask(tx, {
      scope: 'database',
      entityId: databaseId,
      type: 'update',
      epoch: database.epoch,
      ...workflowOf(before),
      requestHash: update.change.hash,
      actor: caller.account,
    });
    if (before.provisioned) await recordChange(tx, { update, before, versions, taken, taskId: task.id });
    await warnOfLostSecrets(tx, { task, spec: publicSpec, versions });
    const { force, removeHosts } = update.options;
    await auditIntent(tx, caller, {
      action: 'database.update',
      resource: `database/${databaseId}`,
      taskId: task.id,
      detail: { before: { spec: before.spec }, after: { spec: publicSpec }, force, removeHosts },
    });
    const instances = await listInstances(tx, [databaseId]);
    const accepted = { task: renderTask(task), database: renderDatabase(database, instances, judged.knowledge.around) };
    await update.change.keep(tx, accepted);
    return { task, accepted };
  });
}

/** The row as it was judged. @throws ApiError where an operation was accepted since */
async function lockJudged(tx: Queryable, judged: DatabaseRecord): Promise<DatabaseRecord> {
  const database = await lockDatabase(tx, judged.id);
  if (database === undefined) throw noSuchDatabase();
  assertModifiable(database, 'updated');
  if (database.epoch === judged.epoch) return database;
  throw new ApiError('operation_already_in_progress', 'the database was changed meanwhile; look at it and try again');
}

function workflowOf({ provisioned }: DatabaseRecord): { workflowType: string; workflowKind: string } {
  const { workflowType, kind } = provisioned ? TASK_WORKFLOWS.update : TASK_WORKFLOWS.create;
  return { workflowType, workflowKind: kind };
}

/** What was taken for an update, beside what the database had. */
interface Taken {
  instances: InstanceRecord[];
  claimedRoles: string[];
}

async function takeForChange(
  tx: Queryable,
  { caller, databaseId, request, ports }: AcceptableUpdate,
  claim: () => ReturnType<typeof claimRoles>,
): Promise<Taken> {
  const instances = await listInstances(tx, [databaseId]);
  const recorded = new Set((await listCredentials(tx, databaseId)).map(({ roleName }) => roleName));
  const problems = await claim();
  if (problems.length > 0) throw invalidInput(problems);
  await claimPorts(tx, { caller, databaseId, ports, existing: new Set(instances.map(({ id }) => id)) });
  const claimedRoles = rolesOf(databaseId, request.spec)
    .map(({ roleName }) => roleName)
    .filter((roleName) => !recorded.has(roleName));
  return { instances, claimedRoles };
}

/** As a create does; what is on record of the one that failed makes room. */
async function takeForMaking(
  tx: Queryable,
  { caller, databaseId, ports }: AcceptableUpdate,
  claim: () => Promise<void>,
): Promise<Taken> {
  await forgetDatabaseServers(tx, databaseId);
  await keepInstances(tx, { databaseId, instanceIds: [] });
  await claim();
  await claimPorts(tx, { caller, databaseId, ports });
  return { instances: [], claimedRoles: [] };
}

async function recordChange(
  tx: Queryable,
  input: { update: AcceptableUpdate; before: DatabaseRecord; versions: NextSecrets; taken: Taken; taskId: string },
): Promise<void> {
  const { update, before, versions, taken } = input;
  await insertChange(tx, {
    taskId: input.taskId,
    previousSpec: before.spec,
    options: { ...update.options, claimedRoles: taken.claimedRoles },
    previousSecrets: versions.previous,
    nextSecrets: versions.next,
    previousInstances: taken.instances.map(asChangeInstance),
    nextInstances: instancesOf(update, { before: before.spec, running: taken.instances }),
  });
}

function asChangeInstance({ id, serviceId, hostId, port, published, version }: InstanceRecord): ChangeInstance {
  return { instanceId: id, serviceId, hostId, port, published, version };
}

/** A version stays pinned while its text in the specification does. */
export function instancesOf(
  { databaseId, request, ports }: Pick<AcceptableUpdate, 'databaseId' | 'request' | 'ports'>,
  now: { before: DatabaseSpec; running: readonly InstanceRecord[] },
): ChangeInstance[] {
  const textOf = (spec: DatabaseSpec, id: string) =>
    spec.services?.find(({ service_id }) => service_id === id)?.version;
  return ports.map(({ serviceId, hostId, port, published }) => {
    const instanceId = serviceInstanceId({ databaseId, serviceId, hostId });
    const pinned = textOf(now.before, serviceId) === textOf(request.spec, serviceId);
    const version = now.running.find(({ id }) => id === instanceId)?.version ?? null;
    return { instanceId, serviceId, hostId, port, published, version: pinned ? version : null };
  });
}

/** Leaving a JWT secret out is easily done by sending a specification back as it was shown. */
async function warnOfLostSecrets(
  tx: Queryable,
  input: { task: TaskRecord; spec: DatabaseSpec; versions: NextSecrets },
): Promise<void> {
  const { task, versions } = input;
  const services = (input.spec.services ?? []).map(({ service_id: id }) => id);
  const lost = services.filter((serviceId) => {
    const id = jwtSecretId(task.entityId, serviceId);
    return versions.previous[id] !== undefined && versions.next[id] === undefined;
  });
  await appendLog(tx, {
    taskId: task.id,
    entries: lost.map((serviceId) => ({
      message: `warning: service "${serviceId}" had a jwt_secret, and this update leaves it out: from now on it answers anonymous requests only; send config.jwt_secret with every update that is to keep it`,
      fields: { service_id: serviceId },
    })),
  });
}
