import { judgeAnswer } from '../../domain/postgrest/answer.ts';
import { requireVersion } from '../../domain/postgrest/versions.ts';
import { probeHttp } from '../../platform/runtime/http-probe.ts';
import type { ServiceRuntime } from '../../platform/runtime/service-runtime.ts';

/** Answered without the database; PostgREST 12.0 accepts but never answers while it starts without one. */
const LIVE_TIMEOUT_MS = 2_000;
/** Reads the OpenAPI document, which takes a second or two with thousands of tables. */
const READY_TIMEOUT_MS = 5_000;
/** The reload itself takes 0.1 to 0.5 s. */
const RELOAD_TIMEOUT_MS = 10_000;

/** One instance as its gateway knows it. */
export interface GatewayInstance {
  instanceId: string;
  address: string;
  port: number;
}

/** Outcome of a check: well, or the reason why not. */
export type Health = { ok: true } | { ok: false; reason: string };

/** The process or container runs, and its HTTP server answers at all. */
export async function checkLive(runtime: ServiceRuntime, instance: GatewayInstance): Promise<Health> {
  const state = await runtime.inspect(instance.instanceId);
  if (state?.running !== true) return { ok: false, reason: 'PostgREST does not run' };
  const answer = await probeHttp({ ...target(instance), method: 'OPTIONS', timeoutMs: LIVE_TIMEOUT_MS });
  return answer.status === undefined ? { ok: false, reason: answer.reason } : { ok: true };
}

/** Requests can be served: the schema cache is loaded and the database answers. A refused anonymous role is an answer. */
export async function checkReady(instance: GatewayInstance): Promise<Health> {
  const answer = judgeAnswer(await probeHttp({ ...target(instance), method: 'GET', timeoutMs: READY_TIMEOUT_MS }));
  return answer.state === 'pending' ? { ok: false, reason: answer.reason } : { ok: true };
}

/**
 * Reloads schema cache and configuration, and resolves when a load that began after the call has been completed.
 * Rejects with a TimeoutError when that is not seen within the bound.
 */
export async function reload(runtime: ServiceRuntime, { instanceId }: GatewayInstance): Promise<void> {
  const state = await runtime.inspect(instanceId);
  if (state?.running !== true) throw new NotRunning();
  const { begun, loaded } = requireVersion(state.version).schemaCacheLog;
  // A load that another NOTIFY had started earlier logs its end only; the pair belongs to a load that began just now.
  const watch = runtime.watchLog(instanceId, [begun, loaded], { timeoutMs: RELOAD_TIMEOUT_MS });
  await watch.ready;
  await runtime.signal(instanceId, 'SIGUSR1');
  await watch.seen;
}

/** The instance does not run, so there is nothing to reload. */
export class NotRunning extends Error {
  constructor() {
    super('PostgREST does not run');
    this.name = 'NotRunning';
  }
}

function target({ address, port }: GatewayInstance) {
  return { address, port, path: '/', headers: { accept: 'application/openapi+json' } };
}
