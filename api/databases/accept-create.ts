import type { z } from '@hono/zod-openapi';
import { v4 as uuidv4 } from 'uuid';
import { serviceInstanceId } from '../../domain/identifiers.ts';
import { defaultOwnerRole } from '../../domain/marker.ts';
import type { Problem } from '../../domain/spec/problems.ts';
import { type SpecSecrets, separateSecrets } from '../../domain/spec/secrets.ts';
import type { DatabaseSpec, SpecRequest } from '../../domain/spec/types.ts';
import { validateSpec } from '../../domain/spec/validate.ts';
import { TASK_WORKFLOWS } from '../../domain/task-workflows.ts';
import { insertAudit } from '../../store/audit.ts';
import { inTransaction, type Queryable } from '../../store/connection.ts';
import { type CredentialOrigin, claimCredentials } from '../../store/credentials.ts';
import { type DatabaseRecord, findDatabase, insertDatabase, reserveDatabaseName } from '../../store/databases.ts';
import { insertInstances, listInstances } from '../../store/instances.ts';
import { reservePorts } from '../../store/ports.ts';
import {
  databaseSecretOwner,
  insertSecrets,
  jwtSecretId,
  type StoredSecret,
  userSecretId,
} from '../../store/secrets.ts';
import { deleteTasksOf, findOpenTask, insertTask, type TaskRecord } from '../../store/tasks.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidInput } from '../errors.ts';
import type { acceptedDatabaseSchema } from '../schemas/database.ts';
import { renderTask } from '../tasks/render.ts';
import { type ChosenPort, choosePorts } from './choose-ports.ts';
import { serverConflicts } from './conflicts.ts';
import { type KeyedRequest, keyedRequest } from './idempotency.ts';
import { gatherKnowledge, type Knowledge } from './knowledge.ts';
import { renderDatabase } from './render.ts';
import { startRun } from './start-run.ts';
import { surroundings } from './surroundings.ts';

export type AcceptedDatabase = z.infer<typeof acceptedDatabaseSchema>;

const ROUTE = 'POST /v1/databases';
/** Concurrent requests may take the same free port; each new attempt sees what the others took. */
const PORT_ATTEMPTS = 5;

/**
 * Accepts the creation of a database: judges it, takes its names, roles and ports, and records the task, all before
 * anything is made; then starts the run.
 */
export async function acceptCreate(deps: ApiDeps, caller: Caller, request: SpecRequest): Promise<AcceptedDatabase> {
  const keyed = keyedRequest(deps, { caller, route: ROUTE, content: request });
  const replayed = await keyed.replay<AcceptedDatabase>();
  if (replayed !== undefined) return replayed;
  const databaseId = request.id ?? uuidv4();
  const joined = await joinRunning(deps, databaseId, keyed);
  if (joined !== undefined) return joined;

  const knowledge = await gatherKnowledge(deps, { caller, databaseId, spec: request.spec });
  const problems = validateSpec(request, knowledge.context);
  if (problems.length > 0) throw invalidInput(problems);
  const conflicts = await serverConflicts(deps, { databaseId, spec: request.spec, knowledge });

  for (let attempt = 1; ; attempt += 1) {
    const { chosen, problems: portProblems } = await choosePorts(deps, {
      spec: request.spec,
      requestId: `${caller.requestId}/${attempt}`,
    });
    const found = [...conflicts, ...portProblems];
    if (found.length > 0) throw invalidInput(found);
    const outcome = await record(deps, { caller, keyed, databaseId, request, knowledge, chosen });
    if (outcome !== 'port taken meanwhile') {
      await startRun(deps, outcome.task, [...new Set(chosen.map((port) => port.hostId))]);
      return outcome.accepted;
    }
    if (attempt === PORT_ATTEMPTS)
      throw new ApiError('unavailable', 'ports were taken by concurrent requests; try again');
  }
}

/** An existing id is a conflict, unless this very request is still under way: then its caller gets the same task. */
async function joinRunning(
  deps: ApiDeps,
  databaseId: string,
  keyed: KeyedRequest,
): Promise<AcceptedDatabase | undefined> {
  const database = await findDatabase(deps.db, databaseId);
  if (database === undefined) return undefined;
  const task = await findOpenTask(deps.db, databaseId);
  if (task?.type === 'create' && keyed.isSameAs(task.requestHash)) return render(deps.db, task, database);
  throw alreadyExists(databaseId);
}

const alreadyExists = (databaseId: string) =>
  new ApiError('database_already_exists', `a database with the ID "${databaseId}" already exists`);

async function render(db: Queryable, task: TaskRecord, database: DatabaseRecord): Promise<AcceptedDatabase> {
  const instances = await listInstances(db, [database.id]);
  const around = await surroundings(db);
  return { task: renderTask(task), database: renderDatabase(database, instances, around) };
}

interface Accepting {
  caller: Caller;
  keyed: KeyedRequest;
  databaseId: string;
  request: SpecRequest;
  knowledge: Knowledge;
  chosen: ChosenPort[];
}

type Recorded = { task: TaskRecord; accepted: AcceptedDatabase };

/** Thrown inside the transaction to roll it back without an answer. */
class PortTaken extends Error {}

/** One transaction: everything that the request takes, or nothing. */
async function record(deps: ApiDeps, input: Accepting): Promise<Recorded | 'port taken meanwhile'> {
  const { databaseId, request, caller } = input;
  const { publicSpec, secrets } = separateSecrets(request.spec);
  try {
    return await inTransaction(deps.db, async (tx) => {
      const database = await insertDatabase(tx, {
        id: databaseId,
        tenantId: request.tenant_id,
        databaseName: publicSpec.database_name,
        spec: publicSpec,
      });
      if (database === undefined) throw alreadyExists(databaseId);
      // Tasks of an earlier database of this id stay readable until the id is used again.
      await deleteTasksOf(tx, databaseId);
      await takeNames(tx, input, secrets);
      await takePorts(tx, input);
      await insertSecrets(tx, sealSecrets(deps, databaseId, secrets));
      const task = await insertTask(tx, {
        databaseId,
        type: 'create',
        epoch: database.epoch,
        workflowType: TASK_WORKFLOWS.create.workflowType,
        workflowKind: TASK_WORKFLOWS.create.kind,
        requestHash: input.keyed.hash,
        actor: caller.account,
      });
      await insertAudit(tx, {
        kind: 'intent',
        actor: caller.account,
        requestId: caller.requestId,
        action: 'database.create',
        resource: `database/${databaseId}`,
        taskId: task.id,
        detail: { spec: publicSpec },
        ...(caller.source === undefined ? {} : { source: caller.source }),
      });
      const accepted = await render(tx, task, database);
      await input.keyed.keep(tx, accepted);
      return { task, accepted };
    });
  } catch (error) {
    if (error instanceof PortTaken) return 'port taken meanwhile';
    throw error;
  }
}

/** The database's name and its roles, on every server of its nodes (R1, R8, R21). */
async function takeNames(tx: Queryable, input: Accepting, secrets: SpecSecrets): Promise<void> {
  const { databaseId, request, knowledge } = input;
  const problems: Problem[] = [];
  const holder = await reserveDatabaseName(tx, {
    databaseId,
    nodes: knowledge.nodeServers.map(({ nodeName, server }) => ({
      nodeName,
      serverName: server.name,
      databaseName: request.spec.database_name,
    })),
  });
  if (holder?.takenBy === databaseId) {
    problems.push({ path: 'nodes', message: `two nodes are on the same server ${holder.serverName}` });
  } else if (holder !== undefined) {
    problems.push({
      path: 'database_name',
      message: `the name "${request.spec.database_name}" is taken on server ${holder.serverName} by database "${holder.takenBy}"`,
    });
  }
  const users = request.spec.database_users ?? [];
  const held = await claimCredentials(tx, claimsOf(databaseId, request.spec, knowledge, secrets));
  for (const credential of held) {
    const index = users.findIndex((user) => user.username === credential.roleName);
    problems.push({
      path: index < 0 ? 'database_users' : `database_users[${index}].username`,
      message: `role "${credential.roleName}" on server ${credential.serverName} belongs to another database`,
    });
  }
  if (problems.length > 0) throw invalidInput(problems);
}

function claimsOf(databaseId: string, spec: DatabaseSpec, knowledge: Knowledge, secrets: SpecSecrets) {
  const users = spec.database_users ?? [];
  const roles: { roleName: string; origin: CredentialOrigin; secretId: string | null }[] = users.map((user) => ({
    roleName: user.username,
    origin: user.adopt === true ? 'adopted' : 'user',
    secretId: secrets.userPasswords.has(user.username) ? userSecretId(databaseId, user.username) : null,
  }));
  if (!users.some((user) => user.db_owner === true)) {
    roles.push({ roleName: defaultOwnerRole(databaseId), origin: 'owner', secretId: null });
  }
  const serverNames = [...new Set(knowledge.nodeServers.map(({ server }) => server.name))];
  return serverNames.flatMap((serverName) =>
    roles.map((role) => ({
      ...role,
      serverName,
      owner: databaseSecretOwner(databaseId),
      databaseId,
      version: role.secretId === null ? 0 : 1,
    })),
  );
}

async function takePorts(tx: Queryable, input: Accepting): Promise<void> {
  const { databaseId, chosen } = input;
  const held = await reservePorts(tx, { databaseId, claims: chosen });
  const fixed = held.flatMap(({ hostId, port, heldBy }) => {
    const claim = chosen.find((c) => c.fixed && c.hostId === hostId && (c.port === port || c.port + 1 === port));
    if (claim === undefined) return [];
    return [
      {
        path: `services[${claim.serviceIndex}].port`,
        message: `port ${port} on host ${hostId} is used by a service of database "${heldBy}"`,
      },
    ];
  });
  if (fixed.length > 0) throw invalidInput(fixed);
  if (held.length > 0) throw new PortTaken();
  await insertInstances(tx, {
    databaseId,
    instances: chosen.map(({ serviceId, hostId, port, published }) => ({
      id: serviceInstanceId({ databaseId, serviceId, hostId }),
      serviceId,
      hostId,
      port,
      published,
    })),
  });
}

function sealSecrets(deps: ApiDeps, databaseId: string, secrets: SpecSecrets): StoredSecret[] {
  const owner = databaseSecretOwner(databaseId);
  const seal = (id: string, plaintext: string): StoredSecret => {
    const { keyId, bytes } = deps.sealer.seal({ secretId: id, owner, version: 1 }, plaintext);
    return { id, owner, version: 1, keyId, sealed: bytes };
  };
  return [
    ...[...secrets.userPasswords].map(([username, password]) => seal(userSecretId(databaseId, username), password)),
    ...[...secrets.jwtSecrets].map(([serviceId, secret]) => seal(jwtSecretId(databaseId, serviceId), secret)),
  ];
}
