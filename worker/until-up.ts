import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../domain/failures.ts';
import type { Log } from '../platform/log.ts';

/** A Temporal server that makes its schema first takes half a minute; who is away for longer is reported by our end. */
const BOUND_MS = 120_000;
const PAUSE_MS = 500;

/** What a process needs, and how it goes on meanwhile. */
export interface Needed {
  /** As messages call it. */
  what: string;
  log: Log;
  /** Aborted when this process is to end. */
  interrupted: AbortSignal;
  /** How long it is waited for; two minutes unless given. */
  boundMs?: number;
}

/**
 * Waits for a server that is started beside this process, as after a reboot of the machine: `attempt` says why it is not
 * there yet, and throws what waiting does not help against.
 * @throws Failure ServerUnavailable at the end of the bound, or the signal's reason
 */
export async function untilUp(needed: Needed, attempt: () => Promise<string | undefined>): Promise<void> {
  const { what, log, interrupted, boundMs = BOUND_MS } = needed;
  const deadline = Date.now() + boundMs;
  let told: string | undefined;
  for (;;) {
    const reason = await attempt();
    if (reason === undefined) return;
    if (Date.now() >= deadline) throw new Failure('ServerUnavailable', `${what} cannot be used: ${reason}`);
    if (reason !== told) log.warn({ reason }, `waits for ${what}`);
    told = reason;
    await delay(PAUSE_MS, undefined, { signal: interrupted });
  }
}
