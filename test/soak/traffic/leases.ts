import { SERVER } from '../installation.ts';
import { again, counted, pause, type Traffic, unexpected } from './traffic.ts';

/** Group role that leases are of. */
export const LEASE_GROUP = 'soak_readers';
const PAUSE_MS = 2_000;

/** Takes leases for seconds: some are renewed, some revoked, the others run out. */
export async function leases(traffic: Traffic): Promise<void> {
  const { random, client, journal } = traffic;
  await again(traffic, async () => {
    const ttl = random.int(5, 20);
    const lease = await counted(
      traffic,
      'lease',
      async () => {
        const wish = { server: SERVER, roles: [LEASE_GROUP], ttl, max_ttl: 60, reason: 'soak' };
        const answer = await client.call('POST', '/v1/leases', wish);
        if (answer.status !== 201) return void unexpected(traffic, 'lease', answer);
        journal.leases.add(answer.body.id);
        // One that was asked for before an outage may be over by now.
        if (answer.body.password !== null) journal.secret(answer.body.password);
        return answer.body;
      },
      (given) => ({ end: given === undefined ? 'failed' : 'ok', about: given?.id ?? 'none' }),
    );
    if (lease === undefined) return;
    await pause(traffic, PAUSE_MS);
    if (random.chance(0.3)) await change(traffic, lease.id, 'renew', { ttl: random.int(5, 20) });
    await pause(traffic, PAUSE_MS);
    if (random.chance(0.4)) await change(traffic, lease.id, 'revoke', undefined);
  });
}

async function change(traffic: Traffic, id: string, what: 'renew' | 'revoke', body: unknown): Promise<void> {
  await counted(
    traffic,
    `lease ${what}`,
    async () => {
      const answer = await traffic.client.call('POST', `/v1/leases/${id}/${what}`, body);
      // Over when it was asked for, or by the time that its turn came.
      const late = what === 'renew' && (answer.status === 409 || /ask for a new lease/.test(answer.body?.message));
      if (![200, 202].includes(answer.status) && !late) unexpected(traffic, `lease ${what}`, answer);
      return { late };
    },
    ({ late }) => ({ end: late ? 'undone' : 'ok', about: id }),
  );
}
