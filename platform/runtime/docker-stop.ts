import { readFile } from 'node:fs/promises';
import type Docker from 'dockerode';
import { endedWithin, processStartTime, signalProcess } from '../local/supervised-process.ts';
import { ifExists, ignoreUnchanged } from './docker-errors.ts';
import { atQuietMoment } from './quiet-moment.ts';
import type { Stop } from './service-runtime.ts';

/** Exit status of a process that was killed: 128 + SIGKILL. */
const KILLED = 137;

/** Stops a container by the engine, within a grace period of whole seconds. */
export async function stopContainer(
  docker: Docker,
  found: Docker.ContainerInspectInfo,
  { graceMs }: { graceMs: number },
): Promise<Stop> {
  const container = docker.getContainer(found.Id);
  const toldAt = performance.now();
  await container.stop({ t: Math.ceil(graceMs / 1000) }).catch(ignoreUnchanged);
  const ended = await ifExists(container.inspect());
  return { killed: found.State.Running && ended?.State.ExitCode === KILLED, toldAt };
}

/**
 * Stops a container in a moment without requests, by a signal of our own: the engine takes tens of milliseconds to pass one
 * on, in which requests arrive. Resolves as soon as the process has ended; the engine notices later, see `noticed`, and gives
 * a published port free then. Undefined where the container's process cannot be seen: nothing has been done then.
 */
export async function stopWhenQuiet(
  docker: Docker,
  found: Docker.ContainerInspectInfo,
  options: { port: number; quietMs: number; graceMs: number; signal?: AbortSignal },
): Promise<{ stop: Stop; noticed: Promise<unknown> } | undefined> {
  const { port, quietMs, graceMs, signal } = options;
  const pid = await pidHere(found);
  const startTime = pid === undefined ? undefined : await processStartTime(pid);
  if (pid === undefined || startTime === undefined) return undefined;
  const container = docker.getContainer(found.Id);
  // Else the engine takes its end for a failure and starts it again. `startAgain` gives the restarts back.
  await container.update({ RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } });
  await atQuietMoment({ pid, port, waitMs: quietMs, ...(signal !== undefined && { signal }) }, () =>
    signalProcess(pid, 'SIGTERM'),
  );
  const toldAt = performance.now();
  if (await endedWithin({ pid, startTime }, graceMs)) {
    return { stop: { killed: false, toldAt }, noticed: ifExists(untilNoticed(container)) };
  }
  const { killed } = await stopContainer(docker, found, { graceMs: 0 });
  return { stop: { killed, toldAt }, noticed: Promise.resolve() };
}

/** The engine tells of the end first and cleans up then, during which it lets nobody look. */
async function untilNoticed(container: Docker.Container): Promise<void> {
  await container.wait();
  await container.inspect();
}

/** The container's process, where this process sees it under the engine's number: not from another container or machine. */
async function pidHere({ Id, State }: Docker.ContainerInspectInfo): Promise<number | undefined> {
  const groups = await readFile(`/proc/${State.Pid}/cgroup`, 'utf8').catch(() => '');
  return State.Pid > 0 && groups.includes(Id) ? State.Pid : undefined;
}
