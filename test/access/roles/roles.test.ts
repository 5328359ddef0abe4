import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import type { DocumentSpec } from '../../unit/access/roles/builders.ts';
import { applyNow, openSession, planNow, type Session } from './on-server.ts';

const ADMINS = ['superuser', 'limited'] as const;

describe.each(testMajors())('roles on PostgreSQL %i', (major) => {
  let server: VersionedServer;
  const sessions = {} as Record<(typeof ADMINS)[number], Session>;
  const perGrantor = major >= 16;

  beforeAll(async () => {
    server = await startServerOf(major);
    for (const as of ADMINS) sessions[as] = await openSession(server, as);
  });

  afterAll(async () => {
    for (const as of ADMINS) await sessions[as]?.client.end();
    await server?.stop();
  });

  describe.each(ADMINS)('as %s admin', (as) => {
    const name = (text: string) => `${as}_${text}`;

    test('the server becomes what the simulation says, and a second plan is empty', async () => {
      const session = sessions[as];
      const member = (role: string, of: string, more = {}) => ({ role: name(role), member: name(of), ...more });
      const setting = (role: string, parameter: string, value: string, database: string | null = null) => {
        return { role: name(role), name: parameter, value, database };
      };
      const first: DocumentSpec = {
        roles: [
          {
            name: name('app'),
            attributes: { login: true, connectionLimit: 7, validUntil: '2031-02-03T04:05:06.000007Z' },
            comment: "the shop's \\ own",
            hasPassword: true,
            memberOf: [member('reader', 'app'), member('writer', 'app', { admin: true })],
            settings: [
              setting('app', 'work_mem', '64MB'),
              setting('app', 'search_path', '"$user", "User", user, public'),
              setting('app', 'search_path', '', 'postgres'),
              setting('app', 'DateStyle', 'ISO, DMY'),
              setting('app', 'role', name('owner')),
            ],
          },
          { name: name('job'), attributes: { login: true, inherit: false, createdb: true } },
          { name: name('owner'), members: [member('owner', 'job')] },
          { name: name('reader'), attributes: { login: false } },
          { name: name('writer') },
        ],
        memberships: perGrantor ? [member('reader', 'job', { inherit: false, set: false })] : [],
      };
      await applyNow(session, first);
      await applyNow(session, {
        roles: [
          {
            name: name('app'),
            attributes: { connectionLimit: -1, validUntil: 'infinity', createrole: true, login: false },
            comment: '',
            memberOf: [member('reader', 'app', { admin: true }), member('writer', 'app')],
            settings: [setting('app', 'search_path', 'public, "$user"'), setting('app', 'work_mem', '1MB', 'postgres')],
          },
          { name: name('job'), attributes: { inherit: true, createdb: false } },
          { name: name('owner'), members: [] },
        ],
        memberships: perGrantor ? [member('reader', 'job')] : [],
        settings: [{ role: name('app'), name: 'WORK_MEM', database: null, value: null }],
      });
      await applyNow(session, { roles: [{ name: name('app'), memberOf: [], settings: [] }] });
    });

    test('any sequence of documents ends as simulated, whatever others granted meanwhile', async () => {
      const session = sessions[as];
      const names = ['a', 'b', 'c', 'd', 'e'].map((text) => name(`any_${text}`));
      await applyNow(session, { roles: names.map((each) => ({ name: each })) });
      for (const { documents, others } of fc.sample(scenario(names, perGrantor), { numRuns: 12, seed: 7 })) {
        for (const document of documents) {
          await applyNow(session, document);
          // What a member with ADMIN OPTION grants on.
          for (const [grantor, role, member] of others) await grantAs(server, grantor, role, member);
        }
        const everything = names.map((each) => ({ name: each, memberOf: [], members: [] }));
        await applyNow(session, { roles: everything });
      }
    });
  });

  test('a creator that grants itself new roles by a setting gets nothing that is not in the plan', async () => {
    const { limited } = sessions;
    await server.query(
      perGrantor ? "ALTER ROLE limited_admin SET createrole_self_grant TO 'set, inherit'" : 'SELECT 1',
    );
    const session = await openSession(server, 'limited');
    await applyNow(session, { roles: [{ name: 'not_self_granted', members: [] }] });
    await session.client.end();
    await server.query('ALTER ROLE limited_admin RESET ALL');
    expect((await planNow(limited, { roles: [{ name: 'not_self_granted', members: [] }] })).plan.steps).toEqual([]);
  });

  test("a repeated plain REVOKE that leaves another grantor's grant is noticed, and every grantor's is revoked", async () => {
    await server.query(
      'CREATE ROLE held; CREATE ROLE middle; CREATE ROLE kept; GRANT held TO middle WITH ADMIN OPTION',
    );
    await server.query('GRANT held TO kept');
    await grantAs(server, 'middle', 'held', 'kept');
    await server.query('REVOKE held FROM kept');
    const ends = { memberships: [{ role: 'held', member: 'kept', absent: true }] };
    expect((await planNow(sessions.superuser, ends)).plan.steps).toHaveLength(perGrantor ? 1 : 0);
    await applyNow(sessions.superuser, ends);
    const rows = await server.query<{ is: boolean }>(`SELECT pg_has_role('kept', 'held', 'MEMBER') AS is`);
    expect(rows).toEqual([{ is: false }]);
  });

  test('a role that leaves takes nobody with it that it let in', async () => {
    await server.query('CREATE ROLE club; CREATE ROLE host; CREATE ROLE guest; CREATE ROLE friend');
    await server.query('GRANT club TO host WITH ADMIN OPTION');
    await grantAs(server, 'host', 'club', 'guest', ' WITH ADMIN OPTION');
    await grantAs(server, 'guest', 'club', 'friend');
    await applyNow(sessions.superuser, { roles: [{ name: 'host', memberOf: [] }] });
    const rows = await server.query<{ host: boolean; guest: boolean; friend: boolean }>(
      `SELECT pg_has_role('host', 'club', 'MEMBER') AS host,
              pg_has_role('guest', 'club', 'MEMBER WITH ADMIN OPTION') AS guest,
              pg_has_role('friend', 'club', 'MEMBER') AS friend`,
    );
    expect(rows).toEqual([{ host: false, guest: true, friend: true }]);
  });

  test('a membership that turns round is possible in one plan', async () => {
    const session = sessions.superuser;
    await applyNow(session, {
      roles: [{ name: 'above', members: [{ role: 'above', member: 'below' }] }, { name: 'below' }],
    });
    await applyNow(session, {
      roles: [
        { name: 'above', members: [] },
        { name: 'below', members: [{ role: 'below', member: 'above' }] },
      ],
    });
  });

  test('many roles are a few messages, and the same plan has the same hash', async () => {
    const session = sessions.superuser;
    const many = Array.from({ length: 100 }, (_, index) => `many_${index}`);
    const spec = {
      roles: [
        { name: 'many', members: many.map((member) => ({ role: 'many', member })) },
        ...many.map((name) => ({ name, attributes: { login: true }, comment: name })),
      ],
    };
    const first = await planNow(session, spec);
    const second = await planNow(session, spec);
    expect(second.plan.hash).toBe(first.plan.hash);
    expect(first.plan.steps.map(({ action }) => action)).toEqual([
      'create roles',
      'comment roles',
      'grant memberships',
    ]);
    await applyNow(session, spec);
  });
});

/** As somebody who has ADMIN OPTION; nothing where it has not. */
async function grantAs(server: VersionedServer, grantor: string, role: string, member: string, options = '') {
  const client = await server.connect();
  try {
    await client.query(`SET ROLE ${grantor}`);
    await client.query(`GRANT ${role} TO ${member}${options}`);
  } catch (error) {
    // No ADMIN OPTION, or a loop: then nobody granted anything.
    if (!(error instanceof Error && 'code' in error && ['42501', '0LP01'].includes(String(error.code)))) throw error;
  } finally {
    await client.end();
  }
}

/** Documents about roles, without loops and contradictions, and grants of their members in between. */
function scenario(names: readonly string[], perGrantor: boolean) {
  const index = fc.integer({ min: 0, max: names.length - 1 });
  const nameOf = (at: number) => names[at] ?? '';
  const edge = fc.tuple(index, index).filter(([role, member]) => role < member);
  const membership = fc
    .record({ edge, admin: fc.boolean(), inherit: fc.boolean(), set: fc.boolean(), absent: fc.boolean() })
    .map(({ edge: [role, member], admin, absent, inherit, set }) => ({
      ...{ role: nameOf(role), member: nameOf(member), admin, absent },
      ...(perGrantor && { inherit, set }),
    }));
  const document = fc
    .uniqueArray(membership, { maxLength: 8, selector: ({ role, member }) => `${role} ${member}` })
    .map((memberships): DocumentSpec => ({ memberships }));
  const other = fc
    .tuple(edge, index)
    .map(([[role, member], grantor]): [string, string, string] => [nameOf(grantor), nameOf(role), nameOf(member)]);
  return fc.record({
    documents: fc.array(document, { minLength: 2, maxLength: 4 }),
    others: fc.array(other, { maxLength: 8 }),
  });
}
