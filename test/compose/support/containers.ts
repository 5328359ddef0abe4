import { readFile } from 'node:fs/promises';
import Docker from 'dockerode';

const docker = new Docker();

/** One container as the engine describes it. */
export type Inspected = Docker.ContainerInspectInfo;

/** Containers with a label, by name; stopped ones included. */
export async function containersWith(label: string): Promise<Inspected[]> {
  const found = await docker.listContainers({ all: true, filters: { label: [label] } });
  return Promise.all(found.map(({ Id }) => docker.getContainer(Id).inspect()));
}

/** What exists with the label of a project: names of containers, networks and volumes. */
export async function leftOf(project: string): Promise<string[]> {
  const filters = { label: [`com.docker.compose.project=${project}`] };
  const [containers, networks, volumes] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters }),
  ]);
  return [
    ...containers.map(({ Names }) => `container ${Names[0]}`),
    ...networks.map(({ Name }) => `network ${Name}`),
    ...volumes.Volumes.map(({ Name }) => `volume ${Name}`),
  ];
}

/** Real user id of a container's first process. */
export async function userOf({ State: { Pid } }: Inspected): Promise<number> {
  const status = await readFile(`/proc/${Pid}/status`, 'utf8');
  return Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
}

/** Removes containers, whatever they do. */
export async function removeContainers(containers: readonly Inspected[]): Promise<void> {
  await Promise.all(
    containers.map(({ Id }) =>
      docker
        .getContainer(Id)
        .remove({ force: true, v: true })
        .catch(() => undefined),
    ),
  );
}
