import { readFile } from 'node:fs/promises';
import type Docker from 'dockerode';
import { signalProcess } from '../local/supervised-process.ts';
import { ifExists, ignoreUnchanged } from './docker-errors.ts';
import { atQuietMoment } from './quiet-moment.ts';
import type { Stop } from './service-runtime.ts';

/** Exit status of a process that was killed: 128 + SIGKILL. */
const KILLED = 137;

/**
 * Stops a container. With `quiet` it is told so in a moment without requests, and by a signal of our own: the engine takes
 * tens of milliseconds to pass one on, in which requests arrive.
 */
export async function stopContainer(
  docker: Docker,
  found: Docker.ContainerInspectInfo,
  options: { graceMs: number; quiet?: { port: number; waitMs: number }; signal?: AbortSignal },
): Promise<Stop> {
  const { graceMs, quiet, signal } = options;
  const container = docker.getContainer(found.Id);
  const pid = quiet === undefined ? undefined : await pidHere(found);
  if (quiet !== undefined && pid !== undefined) {
    // Else the engine takes its end for a failure and starts it again. `startAgain` gives the restarts back.
    await container.update({ RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } });
    await atQuietMoment({ pid, ...quiet, ...(signal !== undefined && { signal }) }, () =>
      signalProcess(pid, 'SIGTERM'),
    );
  }
  const toldAt = performance.now();
  await container.stop({ t: Math.ceil(graceMs / 1000) }).catch(ignoreUnchanged);
  const ended = await ifExists(container.inspect());
  return { killed: found.State.Running && ended?.State.ExitCode === KILLED, toldAt };
}

/** The container's process, where this process sees it under the engine's number: not from another container or machine. */
async function pidHere({ Id, State }: Docker.ContainerInspectInfo): Promise<number | undefined> {
  const groups = await readFile(`/proc/${State.Pid}/cgroup`, 'utf8').catch(() => '');
  return State.Pid > 0 && groups.includes(Id) ? State.Pid : undefined;
}
