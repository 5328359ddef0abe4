import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../domain/failures.ts';
import type { InstanceInput } from '../../domain/host-activities.ts';
import { judgeAnswer } from '../../domain/postgrest/answer.ts';
import { isFatalLogin } from '../../domain/postgrest/commands.ts';
import { probeHttp } from '../../platform/runtime/http-probe.ts';
import type { ServiceLaunch } from '../../platform/runtime/service-runtime.ts';
import type { HostContext } from './context.ts';
import { withHeartbeat } from './heartbeat.ts';

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

/** See {@link HostActivities.awaitService}. */
export async function awaitService(
  context: HostContext,
  input: InstanceInput & { timeoutMs: number },
): Promise<{ readyAt: string }> {
  const launch = await context.records.read(input.instanceId);
  if (launch === undefined || launch.epoch !== input.epoch) {
    throw new Failure('StaleTask', `${input.instanceId} of epoch ${input.epoch} is not on ${context.hostId} any more`);
  }
  return await withHeartbeat(async ({ say, signal }) => {
    const began = performance.now();
    let pauseMs = PAUSE_MS.first;
    let refusedAt: number | undefined;
    let checkedAt = began;
    for (;;) {
      const timeoutMs = Math.min(
        REQUEST_TIMEOUT_MS,
        Math.max(1, Math.ceil(began + input.timeoutMs - performance.now())),
      );
      const answer = judgeAnswer(await requestRoot(launch, { timeoutMs, signal }));
      if (answer.state === 'ready') return { readyAt: new Date().toISOString() };
      say(answer.reason);
      const now = performance.now();
      refusedAt = answer.state === 'refused' ? (refusedAt ?? now) : undefined;
      if (refusedAt !== undefined && now - refusedAt >= REFUSAL_STANDS_MS) throw notReady(launch, answer.reason);
      if (now - began >= input.timeoutMs) {
        const log = await logEnd(context, launch);
        throw notReady(launch, `no usable answer within ${input.timeoutMs} ms, last: ${answer.reason}; ${log}`);
      }
      if (now - checkedAt >= PROCESS_CHECK_INTERVAL_MS) {
        await assertAlive(context, launch);
        checkedAt = now;
      }
      await delay(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      pauseMs = Math.min(pauseMs * PAUSE_MS.factor, PAUSE_MS.longest);
    }
  });
}

/** The OpenAPI document exists once the schema cache is loaded, and is read from the database as the anonymous role. */
async function requestRoot({ address, port }: ServiceLaunch, bounds: { timeoutMs: number; signal: AbortSignal }) {
  const headers = { accept: 'application/openapi+json' };
  return await probeHttp({ address, port, method: 'GET', path: '/', headers, ...bounds });
}

async function assertAlive(context: HostContext, launch: ServiceLaunch): Promise<void> {
  const state = await context.runtime.inspect(launch.instanceId);
  const lines = await context.runtime.logTail(launch.instanceId, SHOWN_LOG_LINES);
  const refused = lines.findLast(isFatalLogin);
  if (refused !== undefined) throw notReady(launch, refused);
  if (state === undefined || (!state.running && !state.restarting)) {
    throw notReady(launch, `it has ended; ${await logEnd(context, launch)}`);
  }
}

async function logEnd({ runtime }: HostContext, { instanceId }: ServiceLaunch): Promise<string> {
  const lines = await runtime.logTail(instanceId, SHOWN_LOG_LINES);
  return `its log ends with: ${lines.join(' | ')}`;
}

function notReady({ instanceId, address, port }: ServiceLaunch, reason: string): Failure {
  return new Failure('ServiceNotReady', `PostgREST at ${address}:${port} is not ready: ${reason}`, {
    details: { instanceId, port },
  });
}
