import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { z } from 'zod';
import { Failure } from '../../domain/failures.ts';
import type { RuntimeKind } from '../../domain/services.ts';
import { writePrivateFile } from '../files/write-private-file.ts';
import { createDockerRuntime, type DockerRuntimeOptions } from './docker-runtime.ts';
import { readRecord } from './launch-record.ts';
import { createProcessRuntime } from './process-runtime.ts';
import type { ServiceRuntime } from './service-runtime.ts';

/** A local engine answers a ping in milliseconds; an overloaded one may need a second. */
const PING_TIMEOUT_MS = 2_000;
/** Longest silence of the engine within one call: stopping a container takes its grace period. */
const CALL_TIMEOUT_MS = 60_000;

const KIND_FILE = '.runtime.json';
const kindSchema = z.object({ kind: z.enum(['docker', 'process']) });

/** Options of {@link chooseRuntime}: those of both runtimes, and which one is wanted. */
export interface ChooseRuntimeOptions extends Omit<DockerRuntimeOptions, 'docker'> {
  /** `auto`: docker if an engine answers, otherwise processes. */
  forced: RuntimeKind | 'auto';
}

/**
 * The runtime of this host. The engine is found like the `docker` command finds it (`DOCKER_HOST`, or the local socket).
 * `auto` never changes the runtime of a host that has services: the others would still hold their ports.
 * @throws Failure EngineUnavailable when docker is needed and no engine answers, ImageUnavailable when processes are
 *   needed and there is no binary for this machine
 */
export async function chooseRuntime(options: ChooseRuntimeOptions): Promise<ServiceRuntime> {
  const { forced, ...rest } = options;
  const wanted = forced === 'auto' ? await kindInUse(rest.servicesDir) : forced;
  const silence = wanted === 'process' ? undefined : await engineSilence();
  if (wanted === 'docker' && silence !== undefined) {
    const reason = forced === 'auto' ? ', and the services of this host run in it' : '';
    const remedy = 'start it, set DOCKER_HOST, or choose another runtime with PGSTEWARD_RUNTIME';
    throw new Failure('EngineUnavailable', `no container engine answers (${silence})${reason}: ${remedy}`);
  }
  const kind = wanted ?? (silence === undefined ? 'docker' : 'process');
  if (wanted === undefined) rest.log.info({ runtime: kind, reason: silence }, 'runtime of this host chosen');
  await rememberKind(rest.servicesDir, kind);
  return kind === 'process'
    ? await createProcessRuntime(rest)
    : await createDockerRuntime({ ...rest, docker: createDockerClient() });
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

/** Runtime of the services that this host has; undefined when it has none. */
async function kindInUse(servicesDir: string): Promise<RuntimeKind | undefined> {
  const names = await readdir(servicesDir).catch(() => []);
  if (names.every((name) => name === KIND_FILE)) return undefined;
  return (await readRecord(join(servicesDir, KIND_FILE), kindSchema))?.kind;
}

async function rememberKind(servicesDir: string, kind: RuntimeKind): Promise<void> {
  await mkdir(servicesDir, { recursive: true, mode: 0o711 });
  await writePrivateFile(join(servicesDir, KIND_FILE), JSON.stringify({ kind }));
}
