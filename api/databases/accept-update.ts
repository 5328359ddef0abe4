import type { z } from '@hono/zod-openapi';
import type { SpecRequest } from '../../domain/spec/types.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidInput } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { acceptedDatabaseSchema } from '../schemas/database.ts';
import { choosePorts } from './choose-ports.ts';
import { PortTaken } from './claim-ports.ts';
import { joinRunning } from './join-running.ts';
import { judgeUpdate } from './judge-update.ts';
import { recordUpdate, type UpdateRequest } from './record-update.ts';
import { refuseHeldDatabase, usersOf } from './refuse-held.ts';
import { startRun } from './start-run.ts';

type AcceptedDatabase = z.infer<typeof acceptedDatabaseSchema>;

/** Concurrent requests may take the same free port; each new attempt sees what the others took. */
const PORT_ATTEMPTS = 5;

/** What an update asks for beside the specification. */
export interface UpdateOptions {
  /** Deploy every service anew. */
  force: boolean;
  /** Hosts that are gone for good: nothing waits for them. */
  removeHosts: string[];
}

/**
 * Accepts the change of a database: judges it, takes what it adds, and records specification and task; then starts the run. While
 * that task runs, the same request again gets the same task.
 */
export function acceptUpdate(
  deps: ApiDeps,
  caller: Caller,
  update: { databaseId: string; request: SpecRequest; options: UpdateOptions },
): Promise<AcceptedDatabase> {
  const change = changeRequest(deps, {
    caller,
    route: 'POST /v1/databases/{database_id}',
    content: update,
    answer: acceptedDatabaseSchema,
  });
  const accepted = { ...update, caller, change };
  return change.once(
    () => accept(deps, accepted),
    () => joinRunning(deps, { ...accepted, type: 'update' }),
  );
}

async function accept(deps: ApiDeps, update: UpdateRequest): Promise<AcceptedDatabase> {
  const { caller, databaseId, request, options } = update;
  const judged = await judgeUpdate(deps, { ...update, removeHosts: options.removeHosts });
  const { database, instances, knowledge } = judged;
  const serverNames = knowledge.nodeServers.map(({ server }) => server.name);
  await refuseHeldDatabase(deps, caller, { serverNames, roles: [...usersOf(database.spec), ...usersOf(request.spec)] });
  const before = database.provisioned ? { before: { spec: database.spec, instances } } : {};
  for (let attempt = 1; ; attempt += 1) {
    const ports = await choosePorts(deps, { caller, databaseId, spec: request.spec, ...before });
    if (ports.problems.length > 0) throw invalidInput(ports.problems);
    try {
      const { task, accepted } = await recordUpdate(deps, { ...update, judged, ports: ports.chosen });
      const hostIds = [...ports.chosen, ...instances].map(({ hostId }) => hostId);
      await startRun(deps, task, hostIds);
      return accepted;
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}
