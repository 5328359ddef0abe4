import Docker from 'dockerode';
import { Failure } from '../../domain/failures.ts';
import type { RuntimeKind } from '../../domain/services.ts';
import { createDockerRuntime, type DockerRuntimeOptions } from './docker-runtime.ts';
import { createProcessRuntime } from './process-runtime.ts';
import type { ServiceRuntime } from './service-runtime.ts';

/** A local engine answers a ping in milliseconds; an overloaded one may need a second. */
const PING_TIMEOUT_MS = 2_000;
/** Longest silence of the engine within one call: stopping a container takes its grace period. */
const CALL_TIMEOUT_MS = 60_000;

/** Options of {@link chooseRuntime}: those of both runtimes, and which one is wanted. */
export interface ChooseRuntimeOptions extends Omit<DockerRuntimeOptions, 'docker'> {
  /** `auto`: docker if an engine answers, otherwise processes. */
  forced: RuntimeKind | 'auto';
}

/**
 * The runtime of this host. The engine is found like the `docker` command finds it (`DOCKER_HOST`, or the local socket).
 * @throws Failure EngineUnavailable when `docker` is forced and no engine answers, ImageUnavailable when neither is possible
 */
export async function chooseRuntime(options: ChooseRuntimeOptions): Promise<ServiceRuntime> {
  const { forced, log, ...rest } = options;
  if (forced === 'process') return await createProcessRuntime({ ...rest, log });
  const silence = await engineSilence();
  if (silence === undefined) return await createDockerRuntime({ ...rest, log, docker: createDockerClient() });
  if (forced === 'docker') {
    throw new Failure(
      'EngineUnavailable',
      `no container engine answers (${silence}): start it, set DOCKER_HOST, or allow the process runtime with PGSTEWARD_RUNTIME=auto`,
    );
  }
  log.info({ reason: silence }, 'no container engine answers: services run as processes');
  return await createProcessRuntime({ ...rest, log });
}

/** A client with a bound on every call. */
export function createDockerClient(): Docker {
  return new Docker({ timeout: CALL_TIMEOUT_MS });
}

/** Why no engine answers; undefined when one does. */
export async function engineSilence(): Promise<string | undefined> {
  try {
    await new Docker({ timeout: PING_TIMEOUT_MS }).ping();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
