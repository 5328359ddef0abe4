import { readdir, readFile } from 'node:fs/promises';
import Docker from 'dockerode';
import { LABELS } from '../../platform/runtime/docker-container.ts';

/** Ids of an installation's containers, stopped ones included; none where no engine is used. */
export async function containersOf(installationId: string): Promise<string[]> {
  if (process.env.PGSTEWARD_TEST_DOCKER === '0') return [];
  const found = await new Docker().listContainers({
    all: true,
    filters: { label: [`${LABELS.installation}=${installationId}`] },
  });
  return found.map((container) => container.Id);
}

/** Ids of the processes whose command line names files below a directory. */
export async function processesIn(directory: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return commandLine.includes(`${directory}/`) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

/** Ends the services that a test left running: their ports are wanted again. */
export async function sweepServices(of: { installationId: string; servicesDirectory: string }): Promise<void> {
  await Promise.all(
    (await containersOf(of.installationId)).map((id) => new Docker().getContainer(id).remove({ force: true })),
  );
  for (const pid of await processesIn(of.servicesDirectory)) process.kill(pid, 'SIGKILL');
}
