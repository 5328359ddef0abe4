import { quoteIdentifier } from '../../../domain/sql/quote.ts';
import { until } from '../../support/follow.ts';
import { registerServer } from '../../support/registered-server.ts';
import { startTestStack, type TestStack, type TestStackOptions } from '../../support/stack.ts';
import type { VersionedServer } from '../../support/versions.ts';

/** An installation that gives leases. */
export interface LeasesStack {
  stack: TestStack;
  /** Registers another server under a name. */
  register(name: string, server: VersionedServer, as: 'superuser' | 'limited'): Promise<void>;
  /** Asks for a lease, of `host-1` and group `readers` unless told otherwise. */
  ask(wish?: Record<string, unknown>, headers?: Record<string, string>): Promise<Answer>;
  /** The same, which has to succeed. */
  issue(wish?: Record<string, unknown>, headers?: Record<string, string>): Promise<Lease>;
  get(id: string): Promise<Lease>;
  post(id: string, act: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Waits until a lease is in one of these states. */
  reaches(id: string, ...states: string[]): Promise<Lease>;
  /** Has the time of leases come, on record: whoever keeps the time finds it there. */
  expire(leases: readonly Lease[]): Promise<void>;
  stop(): Promise<void>;
}

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  body: any;
  headers: Headers;
}

/** A lease as answers have it. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
export type Lease = any;

export const GROUP = 'readers';

/** A lease may be ended behind others, by a run that was killed before. */
const BOUND_MS = 90_000;

export async function startLeases(options: Partial<TestStackOptions> = {}): Promise<LeasesStack> {
  const stack = await startTestStack({ runtime: 'process', ...options });
  await stack.target.query(`CREATE ROLE ${GROUP}`);
  const ask: LeasesStack['ask'] = (wish = {}, headers) =>
    stack.call(
      'POST',
      '/v1/leases',
      {
        ...(wish.template === undefined ? { server: 'host-1', roles: [GROUP], ttl: 3_600 } : {}),
        reason: 'a test',
        ...wish,
      },
      headers,
    );
  const leases: LeasesStack = {
    stack,
    async register(name, server, as) {
      await registerServer(stack, name, server, as);
      await server.query(`CREATE ROLE ${quoteIdentifier(GROUP)}`, { as });
    },
    ask,
    async issue(wish, headers) {
      const { status, body } = await ask(wish, headers);
      if (status !== 201) throw new Error(`the lease was refused: ${status} ${JSON.stringify(body)}`);
      return body;
    },
    async get(id) {
      return (await stack.call('GET', `/v1/leases/${id}`)).body;
    },
    post: (id, act, body, headers) => stack.call('POST', `/v1/leases/${id}/${act}`, body, headers),
    reaches: (id, ...states) =>
      until(async () => {
        const lease = await leases.get(id);
        return states.includes(lease.state) ? lease : undefined;
      }, BOUND_MS),
    async expire(given) {
      await stack.control.db.query('UPDATE leases SET ends_at = now(), due_at = now() WHERE id = ANY ($1)', [
        given.map(({ id }) => id),
      ]);
    },
    stop: () => stack.stop(),
  };
  return leases;
}
