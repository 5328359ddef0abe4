import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../domain/failures.ts';
import { isFatalLogin } from '../../domain/postgrest/commands.ts';
import type { ServiceLaunch } from '../../platform/runtime/service-runtime.ts';
import { askRoot } from './ask-root.ts';
import type { HostContext } from './context.ts';

/**
 * Above the second or two that the OpenAPI document of thousands of tables takes. A request sent too early is no loss:
 * PostgREST 12.0 accepts it and answers when it has reached its database.
 */
const REQUEST_TIMEOUT_MS = 5_000;
/** Start-up takes about 100 ms, so the first looks are close together. */
const PAUSE_MS = { first: 5, factor: 1.3, longest: 50 };
/** A refusal may be overtaken by a reload; after this long it stands. */
const REFUSAL_STANDS_MS = 2_000;
const PROCESS_CHECK_INTERVAL_MS = 200;
const SHOWN_LOG_LINES = 5;

/** How long to wait, whom to tell, and what ends the wait. */
export interface ReadyWait {
  timeoutMs: number;
  say: (text: string) => void;
  signal?: AbortSignal;
  /** Its log has lines from before: what they say is not taken for a reason to give up. */
  oldLog?: boolean;
}

/**
 * Waits until a unit has answered a real request, and returns when that was (RFC 3339).
 * @throws Failure ServiceNotReady with PostgREST's own words
 */
export async function awaitReady(context: HostContext, launch: ServiceLaunch, wait: ReadyWait): Promise<string> {
  const { timeoutMs, say, signal } = wait;
  const began = performance.now();
  let pauseMs = PAUSE_MS.first;
  let refusedAt: number | undefined;
  let checkedAt = began;
  for (;;) {
    const leftMs = Math.max(1, Math.ceil(began + timeoutMs - performance.now()));
    const bounds = { timeoutMs: Math.min(REQUEST_TIMEOUT_MS, leftMs), ...(signal !== undefined && { signal }) };
    const answer = await askRoot(launch, bounds);
    if (answer.state === 'ready') return new Date().toISOString();
    say(answer.reason);
    const now = performance.now();
    refusedAt = answer.state === 'refused' ? (refusedAt ?? now) : undefined;
    if (refusedAt !== undefined && now - refusedAt >= REFUSAL_STANDS_MS) throw notReady(launch, answer.reason);
    if (now - began >= timeoutMs) {
      const log = await logEnd(context, launch);
      throw notReady(launch, `no usable answer within ${timeoutMs} ms, last: ${answer.reason}; ${log}`);
    }
    if (now - checkedAt >= PROCESS_CHECK_INTERVAL_MS) {
      await assertAlive(context, launch, wait);
      checkedAt = now;
    }
    await delay(pauseMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
    pauseMs = Math.min(pauseMs * PAUSE_MS.factor, PAUSE_MS.longest);
  }
}

/** The failure of an instance that does not do what it should. */
export function notReady({ instanceId, address, port }: ServiceLaunch, reason: string): Failure {
  return new Failure('ServiceNotReady', `PostgREST at ${address}:${port} is not ready: ${reason}`, {
    details: { instanceId, port },
  });
}

/** The newest lines of a unit's log, as part of a sentence. */
export async function logEnd({ runtime }: HostContext, { unit }: ServiceLaunch): Promise<string> {
  const lines = await runtime.logTail(unit, SHOWN_LOG_LINES);
  return `its log ends with: ${lines.join(' | ')}`;
}

async function assertAlive(context: HostContext, launch: ServiceLaunch, { oldLog }: ReadyWait): Promise<void> {
  const state = await context.runtime.inspect(launch.unit);
  const lines = oldLog === true ? [] : await context.runtime.logTail(launch.unit, SHOWN_LOG_LINES);
  const refused = lines.findLast(isFatalLogin);
  if (refused !== undefined) throw notReady(launch, refused);
  if (state === undefined || (!state.running && !state.restarting)) {
    throw notReady(launch, `it has ended; ${await logEnd(context, launch)}`);
  }
}
