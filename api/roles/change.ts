import { withoutSecrets } from '../../domain/access/document/parse.ts';
import { LOOK_EVERY_MS } from '../../store/completions.ts';
import type { AccessResult } from '../../store/server-work.ts';
import type { Wake } from '../../store/signals.ts';
import type { Caller } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { acceptServerTask, type ServerChange } from './accept-server-task.ts';
import { parseSubmitted } from './check.ts';
import { resultOf } from './wait.ts';

/** A single request, as the document that it stands for. */
export interface SingleChange {
  serverName: string;
  route: string;
  /** The request as it came: what an idempotency key is bound to. */
  content: unknown;
  /** Document with the passwords in it. */
  document: unknown;
  /** Path of the caller's part in it, for problems. */
  prefix: string;
}

/** Carries out a single request together with others that come at the same time, and waits for it. */
export async function changeNow(
  deps: ServerApiDeps,
  caller: Caller,
  change: SingleChange,
): Promise<{ taskId: string; fresh: boolean; result: AccessResult }> {
  const { passwords } = parseSubmitted(change.document, change.prefix);
  await deps.signals.ready();
  let wake: Wake | undefined;
  const waitFor = (taskId: string) => {
    wake = deps.signals.next('ended', taskId, LOOK_EVERY_MS);
  };
  const request: ServerChange = {
    serverName: change.serverName,
    type: 'change_role',
    route: change.route,
    content: change.content,
    document: withoutSecrets(change.document),
    passwords,
  };
  const accepted = await acceptServerTask(deps, caller, request, waitFor);
  return { ...accepted, result: await resultOf(deps, accepted.taskId, accepted.fresh ? wake : undefined) };
}
