import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../../domain/failures.ts';
import { type CheckRefusal, explainCheck } from '../../../domain/services/check-output.ts';
import type { ServiceLaunch } from '../../../platform/runtime/service-runtime.ts';
import type { HostContext } from '../context.ts';
import type { Progress } from '../progress.ts';

/** Reading the schema takes 0.1 s, and a second or two with thousands of tables; a server that hangs is given up after 2 s. */
const CHECK_TIMEOUT_MS = 15_000;
const PAUSE_MS = 250;

/**
 * Has PostgREST read the files of `launch` and log in with them, before anything that runs is touched. A database that
 * does not answer is asked again until `timeoutMs` are over.
 * @throws Failure ServiceNotReady with the reason
 */
export async function checkFiles(
  context: HostContext,
  launch: ServiceLaunch,
  { timeoutMs, say, signal }: Progress & { timeoutMs: number },
): Promise<void> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const refusal = await checkOnce(context, launch, signal);
    if (refusal === undefined) return;
    say(refusal.reason);
    if (!refusal.passing || performance.now() >= until) {
      const { instanceId, port } = launch;
      throw new Failure('ServiceNotReady', `PostgREST cannot start in the new state: ${refusal.reason}`, {
        details: { instanceId, port },
      });
    }
    await delay(PAUSE_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

async function checkOnce(
  { runtime, limitChecks }: HostContext,
  launch: ServiceLaunch,
  signal: AbortSignal,
): Promise<CheckRefusal | undefined> {
  try {
    const output = await limitChecks(() => runtime.check(launch, { timeoutMs: CHECK_TIMEOUT_MS, signal }));
    return output === undefined ? undefined : explainCheck(output);
  } catch (error) {
    if (!(error instanceof Error && error.name === 'TimeoutError')) throw error;
    return { reason: `it has not read the schema within ${CHECK_TIMEOUT_MS} ms`, passing: true };
  }
}
