import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { SERVICE_FILES } from '../../domain/postgrest/conf.ts';
import type { BundledBinary } from './bundled-binary.ts';
import { CHECK_ENVIRONMENT, serviceEnvironment } from './runtime-system.ts';
import type { ServiceLaunch } from './service-runtime.ts';
import { ownUser, type ServiceUser } from './service-user.ts';

/** More than PostgREST says about one configuration. */
export const CHECK_OUTPUT_MAX_BYTES = 64 * 1024;

/** {@link ServiceRuntime.check} by a process of its own, which ends with it. */
export async function checkByProcess(of: {
  binary: BundledBinary;
  user: ServiceUser;
  launch: ServiceLaunch;
  timeoutMs: number;
  signal?: AbortSignal;
}): Promise<string | undefined> {
  const { binary, user, launch, timeoutMs, signal: early } = of;
  const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(early === undefined ? [] : [early])]);
  const child = spawn(binary.path, ['--dump-schema', join(launch.directory, SERVICE_FILES.conf)], {
    env: { ...serviceEnvironment(launch, launch.directory), ...CHECK_ENVIRONMENT },
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(ownUser().uid === 0 && user),
    signal,
    killSignal: 'SIGKILL',
  });
  const parts: Buffer[] = [];
  let length = 0;
  child.stderr.on('data', (part: Buffer) => {
    if (length < CHECK_OUTPUT_MAX_BYTES) parts.push(part);
    length += part.length;
  });
  try {
    const [code] = await once(child, 'close');
    return code === 0 ? undefined : Buffer.concat(parts).toString('utf8');
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
