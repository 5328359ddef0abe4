import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { type Engine, startEngine } from './support/engine.ts';
import { createShop, SHOP_ROLES } from './support/shop.ts';

const CLIENTS = 20;
const ROUNDS = 4;
/** The oldest and the newest: their catalogs differ most in what concurrent writers meet. */
const CASES = testMajors()
  .filter((major) => major === 13 || major === 18)
  .flatMap((major) => (['superuser', 'limited'] as const).map((admin) => ({ major, admin })));

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

describe.each(CASES)('PostgreSQL $major, admin role: $admin', ({ major, admin }) => {
  const name = `pg-${major}-${admin}`;
  const base = `/v1/servers/${name}`;
  let server: VersionedServer;

  beforeAll(async () => {
    server = await startServerOf(major);
    await engine.register(name, server, admin);
    await engine.applied(name, SHOP_ROLES);
    await createShop(server);
  });
  afterAll(() => server.stop());

  test('20 clients that change overlapping roles, memberships and grants at once lose no update and see no error', async () => {
    const call = async (method: string, path: string, body?: unknown) => {
      const answer = await engine.stack.call(method, `${base}${path}`, body);
      return answer.status === 200 ? [] : [`${method} ${path}: ${answer.status} ${answer.body.message}`];
    };
    const on = { kind: 'table', schema: 'app', names: ['orders'] };
    const privileges = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const;
    const errors = await Promise.all(
      Array.from({ length: CLIENTS }, async (_, client) => {
        const mine: string[] = [];
        for (let round = 0; round < ROUNDS; round += 1) {
          const shared = `shared_${(client + round) % 5}`;
          mine.push(...(await call('PUT', `/roles/${shared}`, { login: true })));
          mine.push(...(await call('PUT', `/roles/own_${client}`, { login: true, connection_limit: round + 1 })));
          mine.push(...(await call('PUT', `/roles/readers/members/own_${client}`, {})));
          mine.push(
            ...(await call('POST', '/grants', {
              database: 'shop',
              on,
              privileges: [privileges[round % 4]],
              to: [shared],
            })),
          );
        }
        return mine;
      }),
    );
    expect(errors.flat()).toEqual([]);
    const own = await server.query<{ name: string; limit: number; member: boolean }>(
      `SELECT rolname AS name, rolconnlimit AS limit, pg_has_role(oid, 'readers', 'MEMBER') AS member
       FROM pg_roles WHERE rolname ~ '^own_'`,
    );
    expect(own).toHaveLength(CLIENTS);
    for (const role of own) expect(role).toMatchObject({ limit: ROUNDS, member: true });
    const granted = await server.query<{ grantee: string; privilege: string }>(
      `SELECT grantee::regrole::text AS grantee, privilege_type AS privilege
       FROM pg_class, aclexplode(relacl) WHERE oid = 'app.orders'::regclass AND grantee <> relowner AND grantee <> 0`,
      { database: 'shop' },
    );
    const expected = new Set<string>();
    for (let client = 0; client < CLIENTS; client += 1) {
      for (let round = 0; round < ROUNDS; round += 1)
        expected.add(`shared_${(client + round) % 5} ${privileges[round % 4]}`);
    }
    const found = granted
      .map(({ grantee, privilege }) => `${grantee} ${privilege}`)
      .filter((text) => text.startsWith('shared_'));
    expect(new Set(found)).toEqual(expected);
  });

  test('documents and single requests at once, over the same schema, end as asked', async () => {
    const document = {
      databases: [
        {
          name: 'shop',
          grants: [{ on: { kind: 'table', schema: 'app', all: true }, privileges: ['SELECT'], to: ['writers'] }],
        },
      ],
    };
    const [tasks, answers] = await Promise.all([
      Promise.all(Array.from({ length: 4 }, () => engine.apply(name, document))),
      Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          engine.stack.call('POST', `${base}/grants`, {
            database: 'shop',
            on: { kind: 'table', schema: 'app', names: ['customers'] },
            privileges: ['SELECT'],
            to: [`own_${i}`],
          }),
        ),
      ),
    ]);
    expect(tasks.map(({ status, error }) => error ?? status)).toEqual(tasks.map(() => 'completed'));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const [row] = await server.query<{ count: string }>(
      `SELECT count(*) FROM generate_series(0, 9) AS i WHERE has_table_privilege('own_' || i, 'app.customers', 'SELECT')`,
      { database: 'shop' },
    );
    expect(row?.count).toBe('10');
    expect(await engine.plan(name, document)).toMatchObject({ empty: true });
  });
});
