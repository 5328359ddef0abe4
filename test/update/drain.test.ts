import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rest } from '../e2e/support/rest.ts';
import { provision } from '../e2e/support/tenants.ts';
import { until } from '../support/follow.ts';
import { startTestStack, type TestStack, testRuntimes } from '../support/stack.ts';
import { shopService, shopSpec, shopToken, updated } from './support/shop.ts';

const SLOW = `CREATE FUNCTION public.slow() RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(600)'`;

describe.each(testRuntimes())('a request that outlasts the drain deadline, with the %s runtime', (runtime) => {
  let stack: TestStack;
  const id = 'drained';

  beforeAll(async () => {
    stack = await startTestStack({ runtime, env: { PGSTEWARD_DRAIN_SECONDS: '1' } });
    const spec = shopSpec(id, stack.port(0));
    const scripts = spec.scripts as { post_database_create: string[] };
    scripts.post_database_create.push(SLOW);
    await provision(stack, { id, spec } as { id: string });
  });
  afterAll(() => stack?.stop());

  const slowBackends = () =>
    stack.target.query<{ name: string }>(
      `SELECT application_name AS name FROM pg_stat_activity
       WHERE datname = '${id}' AND state = 'active' AND query LIKE '%slow%' AND pid <> pg_backend_pid()`,
    );

  test('holds up no replacement: the old unit is killed, and its query ends on the server too', async () => {
    const cut = rest(stack.port(0), '/rpc/slow', { token: shopToken(id), json: {} }).catch((error: unknown) => error);
    await until(async () => ((await slowBackends()).length > 0 ? true : undefined));
    const spec = shopSpec(id, stack.port(0), {
      services: [shopService(id, stack.port(0), { config: { db_pool: 3 } })],
    });
    await updated(stack, id, spec);
    expect(await cut).toBeInstanceOf(Error);
    expect(await slowBackends()).toEqual([]);
    expect((await rest(stack.port(0), '/items')).status).toBe(200);
  });
});
