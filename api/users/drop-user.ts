import type { z } from '@hono/zod-openapi';
import type { DropDocument } from '../../domain/access/drop/request.ts';
import { whyElsewhere } from '../../domain/access/role-condition.ts';
import { taskEnd } from '../../store/completions.ts';
import type { Place } from '../../store/registry.ts';
import { roleFacts } from '../../store/role-facts.ts';
import type { AccessResult } from '../../store/server-work.ts';
import { refuseHeld } from '../approvals/hold.ts';
import type { Caller } from '../caller.ts';
import { ApiError } from '../errors.ts';
import { acceptServerTask } from '../roles/accept-server-task.ts';
import { refuseForbidden } from '../roles/drop.ts';
import { endOf, WAIT_MS } from '../roles/wait.ts';
import type { dropStartedSchema } from '../schemas/users.ts';
import type { UserName } from './change-user.ts';
import type { UserDeps } from './deps.ts';
import { conditionOf, type UserAnswer } from './operation.ts';
import { requireAllowed, requirePlace, shownPlace } from './place.ts';

const ROUTE = '/api/v1/users/drop';

/** A user that is gone, or a task that goes on after the answer. */
export type Dropped =
  | { state: 'ended'; answer: UserAnswer }
  | { state: 'started'; answer: z.infer<typeof dropStartedSchema> };

/**
 * Drops a user, proven: locked out, sessions ended, rights taken apart in every database, login refused.
 * @throws ApiError 403 with the rules that forbid it, or what needs consent
 */
export async function dropUser(
  deps: UserDeps,
  caller: Caller,
  of: UserName & { reassign_owned?: boolean | undefined },
): Promise<Dropped> {
  const { env, database, username } = of;
  const place = await requirePlace(deps, caller, of);
  requireAllowed(place, { operation: 'drop', env });
  const { serverName } = place.entry;
  const { override = false, environments } = conditionOf(caller, of);
  await refuseElsewhere(deps, { place, username, environments, override });
  await refuseHeld(deps, caller, { serverName, kind: 'drop', roles: [username] });
  const document: DropDocument = {
    role: username,
    reassign_owned: of.reassign_owned ?? false,
    drain_seconds: 0,
    force: override,
  };
  const found = await refuseForbidden(deps, { serverName, caller, document, insist: 'override' });
  if (found === 'unknown') throw new ApiError('unavailable', `server ${serverName} does not answer; nothing was done`);
  const notFound = { ...shownPlace(place), username, password: null, status: 'user not found' };
  // The same request under its key gets the answer that it got when there was a user.
  if (found === 'gone' && caller.idempotencyKey === undefined) return { state: 'ended', answer: notFound };
  const { taskId } = await acceptServerTask(deps, caller, {
    serverName,
    type: 'drop_role',
    route: ROUTE,
    content: { env, database, ...document },
    document,
    passwords: new Map(),
    detail: { operation: 'user.drop', env, database, username },
  });
  const end = await taskEnd(deps, { taskId, boundMs: WAIT_MS });
  if (end === undefined) {
    const status = 'drop under way: the user is locked out and will be gone when the task has ended';
    return { state: 'started', answer: { username, status, task_id: taskId, server: serverName } };
  }
  const result = endOf(end);
  if (result instanceof ApiError) throw result;
  return { state: 'ended', answer: wasGone(result) ? notFound : { ...notFound, status: 'user dropped' } };
}

/** Where environments share a server, each drops its own. */
async function refuseElsewhere(
  deps: UserDeps,
  of: { place: Place; username: string; environments: string[] | undefined; override: boolean },
): Promise<void> {
  const { place, username, environments, override } = of;
  if (environments === undefined || override) return;
  const known = await roleFacts(deps.db, { serverName: place.entry.serverName, roles: [username] });
  const facts = known.get(username);
  if (facts === undefined) return;
  const reason = whyElsewhere(environments, facts);
  if (reason !== undefined) throw new ApiError('forbidden', `user "${username}" may not be dropped here: ${reason}`);
}

function wasGone({ receipt }: AccessResult): boolean {
  return typeof receipt === 'object' && receipt !== null && 'already_gone' in receipt && receipt.already_gone === true;
}
