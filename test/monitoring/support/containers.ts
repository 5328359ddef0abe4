import Docker from 'dockerode';

/** Process id of an instance of the process runtime; undefined for a container. */
function processOf(containerId: string): number | undefined {
  const pid = /^pid:(\d+)$/.exec(containerId)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** Makes an instance exist without doing anything: it accepts connections and never answers. */
export async function freeze(containerId: string): Promise<void> {
  const pid = processOf(containerId);
  if (pid === undefined) await new Docker().getContainer(containerId).pause();
  else process.kill(pid, 'SIGSTOP');
}

export async function thaw(containerId: string): Promise<void> {
  const pid = processOf(containerId);
  if (pid === undefined) await new Docker().getContainer(containerId).unpause();
  else process.kill(pid, 'SIGCONT');
}

/** Takes an instance away behind everybody's back. */
export async function takeAway(containerId: string): Promise<void> {
  const pid = processOf(containerId);
  if (pid === undefined) await new Docker().getContainer(containerId).remove({ force: true });
  else process.kill(pid, 'SIGKILL');
}
