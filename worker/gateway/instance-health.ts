import { askRoot } from '../../activities/host/ask-root.ts';
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
  /** The unit that serves now. */
  unit: string;
  address: string;
  port: number;
}

/** Outcome of a check: well, or the reason why not. */
export type Health = { ok: true } | { ok: false; reason: string };

/** The process or container runs, and its HTTP server answers at all. */
export async function checkLive(runtime: ServiceRuntime, instance: GatewayInstance): Promise<Health> {
  const state = await runtime.inspect(instance.unit);
  if (state?.running !== true) return { ok: false, reason: 'PostgREST does not run' };
  const { address, port } = instance;
  const answer = await probeHttp({ address, port, path: '/', method: 'OPTIONS', timeoutMs: LIVE_TIMEOUT_MS });
  return answer.status === undefined ? { ok: false, reason: answer.reason } : { ok: true };
}

/** Requests can be served: the schema cache is loaded and the database answers. A refused anonymous role is an answer. */
export async function checkReady(instance: GatewayInstance): Promise<Health> {
  const answer = await askRoot(instance, { timeoutMs: READY_TIMEOUT_MS });
  return answer.state === 'pending' ? { ok: false, reason: answer.reason } : { ok: true };
}

/**
 * Reloads schema cache and configuration, and resolves when a load that began after the call has been completed.
 * Rejects with a TimeoutError when that is not seen within the bound.
 */
export async function reload(runtime: ServiceRuntime, { unit }: GatewayInstance): Promise<void> {
  const state = await runtime.inspect(unit);
  if (state?.running !== true) throw new NotRunning();
  const { begun, loaded } = requireVersion(state.version).schemaCacheLog;
  // A load that another NOTIFY had started earlier logs its end only; the pair belongs to a load that began just now.
  const watch = runtime.watchLog(unit, { texts: [begun, loaded] }, { timeoutMs: RELOAD_TIMEOUT_MS });
  await watch.ready;
  await runtime.signal(unit, 'SIGUSR1');
  await watch.seen;
}

/** The instance does not run, so there is nothing to reload. */
export class NotRunning extends Error {
  constructor() {
    super('PostgREST does not run');
    this.name = 'NotRunning';
  }
}
