import type { z } from '@hono/zod-openapi';
import { v4 as uuidv4 } from 'uuid';
import type { Problem } from '../../domain/spec/problems.ts';
import type { SpecRequest } from '../../domain/spec/types.ts';
import { validateSpec } from '../../domain/spec/validate.ts';
import { findDatabase } from '../../store/databases.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidInput } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { acceptedDatabaseSchema } from '../schemas/database.ts';
import { choosePorts } from './choose-ports.ts';
import { PortTaken } from './claim-ports.ts';
import { serverConflicts } from './conflicts.ts';
import { joinRunning } from './join-running.ts';
import { gatherKnowledge, type Knowledge } from './knowledge.ts';
import { alreadyExists, type CreateRequest, recordCreate } from './record-create.ts';
import { refuseHeldDatabase, usersOf } from './refuse-held.ts';
import { startRun } from './start-run.ts';

export type AcceptedDatabase = z.infer<typeof acceptedDatabaseSchema>;

/** Concurrent requests may take the same free port; each new attempt sees what the others took. */
const PORT_ATTEMPTS = 5;

/**
 * Accepts the creation of a database: judges it, takes its names, roles and ports, and records the task, all before
 * anything is made; then starts the run. While that task runs, the same request again gets the same task.
 */
export function acceptCreate(deps: ApiDeps, caller: Caller, request: SpecRequest): Promise<AcceptedDatabase> {
  const databaseId = request.id ?? uuidv4();
  const change = changeRequest(deps, {
    caller,
    route: 'POST /v1/databases',
    content: request,
    answer: acceptedDatabaseSchema,
  });
  const create = { caller, change, databaseId, request };
  return change.once(
    () => accept(deps, create),
    () => joinRunning(deps, { ...create, type: 'create' }),
  );
}

/** Judges a create. @throws ApiError for what can never be accepted */
export async function judgeCreate(
  deps: ApiDeps,
  create: Pick<CreateRequest, 'databaseId' | 'request' | 'caller'>,
): Promise<{ knowledge: Knowledge; conflicts: Problem[] }> {
  const { databaseId, request, caller } = create;
  const knowledge = await gatherKnowledge(deps, { caller, databaseId, spec: request.spec });
  const problems = validateSpec(request, knowledge.context);
  if (problems.length > 0) throw invalidInput(problems);
  // Before the servers' own objections: all that an earlier database of this id has would be among them.
  if ((await findDatabase(deps.db, databaseId)) !== undefined) throw alreadyExists(databaseId);
  return { knowledge, conflicts: await serverConflicts(deps, { databaseId, spec: request.spec, knowledge }) };
}

async function accept(deps: ApiDeps, create: CreateRequest): Promise<AcceptedDatabase> {
  const { caller, databaseId, request } = create;
  const { knowledge, conflicts } = await judgeCreate(deps, create);
  const serverNames = knowledge.nodeServers.map(({ server }) => server.name);
  await refuseHeldDatabase(deps, caller, { serverNames, roles: usersOf(request.spec) });
  for (let attempt = 1; ; attempt += 1) {
    const ports = await choosePorts(deps, { caller, databaseId, spec: request.spec });
    const found = [...conflicts, ...ports.problems];
    if (found.length > 0) throw invalidInput(found);
    try {
      const { task, accepted } = await recordCreate(deps, { ...create, knowledge, ports: ports.chosen });
      await startRun(
        deps,
        task,
        ports.chosen.map(({ hostId }) => hostId),
      );
      return accepted;
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}
