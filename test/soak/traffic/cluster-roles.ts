import { again, counted, pause, type Traffic, unexpected } from './traffic.ts';

const PAUSE_MS = 3_000;
/** Database that connection strings of the cluster name. */
const MAINTENANCE_DATABASE = 'postgres';

/** Rotates a role of the cluster, and asks for it. What is shown logs in, whoever asks and whenever. */
export async function clusterRoles(traffic: Traffic, clusterId: string): Promise<void> {
  const { client, journal, random } = traffic;
  const path = `/clusters/${clusterId}/roles/application`;
  await again(traffic, async () => {
    const rotates = random.chance(0.5);
    await counted(
      traffic,
      rotates ? 'cluster role rotate' : 'cluster role show',
      async () => {
        const answer = rotates
          ? await client.call('PUT', path, { rotate_password: true })
          : await client.call('GET', path);
        if (![200, 201].includes(answer.status)) return void unexpected(traffic, 'cluster role', answer);
        const { name, password } = answer.body;
        journal.handedOut({ user: name, password, database: MAINTENANCE_DATABASE });
        return answer.body;
      },
      (body) => ({ end: body === undefined ? 'failed' : 'ok', about: path }),
    );
    await pause(traffic, PAUSE_MS);
  });
}
