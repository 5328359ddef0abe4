import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { notOnThisVersion, startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import type { DocumentSpec } from '../../unit/access/roles/builders.ts';
import { applyNow, openSession, planNow, runPlan, type Session } from './on-server.ts';

interface Case {
  name: string;
  since?: number;
  until?: number;
  /** As superuser. */
  before?: string;
  document: DocumentSpec;
  path: string;
  remedy: string;
  /** Takes back what the remedy gave to the admin role. */
  after?: string;
}

const CASES: Case[] = [
  {
    name: 'a role that somebody else created',
    since: 16,
    before: 'CREATE ROLE elsewhere',
    document: { roles: [{ name: 'elsewhere', attributes: { login: true } }] },
    path: 'roles[0]',
    remedy: 'GRANT "elsewhere" TO "limited_admin" WITH ADMIN OPTION',
  },
  {
    name: 'the comment of a role that somebody else created',
    since: 16,
    before: 'CREATE ROLE commented',
    document: { roles: [{ name: 'commented', comment: 'mine' }] },
    path: 'roles[0]',
    remedy: 'GRANT "commented" TO "limited_admin" WITH ADMIN OPTION',
  },
  {
    name: 'a setting of a role that somebody else created',
    since: 16,
    before: 'CREATE ROLE adjusted LOGIN',
    document: { settings: [{ role: 'adjusted', name: 'work_mem', value: '1MB' }] },
    path: 'settings[0]',
    remedy: 'GRANT "adjusted" TO "limited_admin" WITH ADMIN OPTION',
  },
  {
    name: 'a membership in a role that somebody else created',
    since: 16,
    before: 'CREATE ROLE closed; CREATE ROLE visitor',
    document: { memberships: [{ role: 'closed', member: 'visitor' }] },
    path: 'memberships[0]',
    remedy: 'GRANT "closed" TO "limited_admin" WITH ADMIN OPTION',
  },
  {
    name: "a membership in one of PostgreSQL's own roles",
    since: 16,
    before: 'CREATE ROLE monitor',
    document: { memberships: [{ role: 'pg_monitor', member: 'monitor' }] },
    path: 'memberships[0]',
    remedy: 'GRANT "pg_monitor" TO "limited_admin" WITH ADMIN OPTION',
    after: 'REVOKE pg_monitor FROM limited_admin CASCADE',
  },
  {
    name: 'a membership through ADMIN OPTION of a group that the admin role does not inherit',
    since: 16,
    before: `CREATE ROLE far; CREATE ROLE near; CREATE ROLE someone; GRANT far TO near WITH ADMIN OPTION;
             GRANT near TO limited_admin WITH INHERIT FALSE`,
    document: { memberships: [{ role: 'far', member: 'someone' }] },
    path: 'memberships[0]',
    remedy: 'GRANT "far" TO "limited_admin" WITH ADMIN OPTION',
  },
  {
    name: 'a membership that the bootstrap superuser granted',
    since: 16,
    before: `CREATE ROLE old_group; CREATE ROLE old_member; GRANT old_group TO old_member;
             GRANT old_group TO limited_admin WITH ADMIN OPTION`,
    document: { memberships: [{ role: 'old_group', member: 'old_member', absent: true }] },
    path: 'memberships[0]',
    remedy: 'REVOKE "old_group" FROM "old_member" GRANTED BY "postgres"',
  },
  {
    name: 'a membership that a role of somebody else granted',
    since: 16,
    before: `CREATE ROLE team; CREATE ROLE lead; CREATE ROLE mate; GRANT team TO limited_admin, lead WITH ADMIN OPTION;
             SET ROLE lead; GRANT team TO mate; RESET ROLE`,
    document: { memberships: [{ role: 'team', member: 'mate', absent: true }] },
    path: 'memberships[0]',
    remedy: 'GRANT "lead" TO "limited_admin" WITH INHERIT TRUE, SET TRUE',
  },
  {
    name: 'an attribute that the admin role does not have',
    since: 16,
    document: { roles: [{ name: 'replica', attributes: { replication: true } }] },
    path: 'roles[0]',
    remedy: 'ALTER ROLE "limited_admin" WITH REPLICATION',
    after: 'ALTER ROLE limited_admin NOREPLICATION',
  },
  {
    name: 'REPLICATION before 16',
    until: 15,
    document: { roles: [{ name: 'replica', attributes: { login: true, replication: true } }] },
    path: 'roles[0]',
    remedy: 'CREATE ROLE "replica" WITH LOGIN REPLICATION',
  },
  {
    name: 'any attribute of a role with REPLICATION before 16',
    until: 15,
    before: 'CREATE ROLE standby REPLICATION',
    document: { roles: [{ name: 'standby', attributes: { connectionLimit: 2 } }] },
    path: 'roles[0]',
    remedy: 'ALTER ROLE "standby" WITH CONNECTION LIMIT 2',
  },
  {
    name: 'BYPASSRLS before 16',
    until: 15,
    before: 'CREATE ROLE seer',
    document: { roles: [{ name: 'seer', attributes: { bypassrls: true } }] },
    path: 'roles[0]',
    remedy: 'ALTER ROLE "seer" WITH BYPASSRLS',
  },
  {
    name: 'a superuser, although the document allows it',
    before: 'CREATE ROLE root SUPERUSER',
    document: { allow: ['superuser'], roles: [{ name: 'root', attributes: { connectionLimit: 2 } }] },
    path: 'roles[0]',
    remedy: 'ALTER ROLE "root" WITH CONNECTION LIMIT 2',
  },
  {
    name: 'the comment of a superuser',
    before: 'CREATE ROLE boss SUPERUSER',
    document: { roles: [{ name: 'boss', comment: 'mine' }] },
    path: 'roles[0]',
    remedy: `COMMENT ON ROLE "boss" IS 'mine'`,
  },
  {
    name: 'a membership in a superuser',
    before: 'CREATE ROLE chief SUPERUSER; CREATE ROLE deputy',
    document: { allow: ['superuser'], memberships: [{ role: 'chief', member: 'deputy', admin: true }] },
    path: 'memberships[0]',
    remedy: 'GRANT "chief" TO "deputy" WITH ADMIN',
  },
];

describe.each(testMajors())('refusals to a limited admin on PostgreSQL %i', (major) => {
  let server: VersionedServer;
  let session: Session;

  beforeAll(async () => {
    server = await startServerOf(major);
    session = await openSession(server, 'limited');
  });

  afterAll(async () => {
    await session?.client.end();
    await server?.stop();
  });

  const cases = CASES.filter(({ since = 0, until = 99 }) => since <= major && major <= until);

  test.each(cases)('$name: the server refuses it, too, and accepts it after the remedy', async (each) => {
    if (each.before !== undefined) await server.query(each.before);
    const { plan } = await planNow(session, each.document);
    expect(plan.refusals).toMatchObject([{ path: each.path, remedy: expect.stringContaining(each.remedy) }]);
    // "no possible grantors" is an internal error of the server.
    await expect(runPlan(session, plan.steps)).rejects.toMatchObject({
      code: expect.stringMatching(/^(42501|XX000)$/),
    });
    await server.query(plan.refusals[0]?.remedy ?? '');
    await applyNow(session, each.document);
    if (each.after !== undefined) await server.query(each.after);
  });

  (major >= 16 ? test : notOnThisVersion)(
    'what a role that the admin role made granted is revoked with privileges lent for it',
    async () => {
      await applyNow(session, {
        roles: [
          { name: 'made_group', members: [{ role: 'made_group', member: 'made_lead', admin: true }] },
          { name: 'made_lead' },
          { name: 'made_mate' },
        ],
      });
      await server.query('SET ROLE made_lead; GRANT made_group TO made_mate');
      const plan = await applyNow(session, {
        memberships: [{ role: 'made_group', member: 'made_mate', absent: true }],
      });
      expect(plan.steps.map(({ action }) => action)).toEqual([
        'lend privileges',
        'revoke memberships',
        'return privileges',
      ]);
    },
  );

  (major >= 16 ? test : notOnThisVersion)(
    'a membership that the admin role had granted itself is back as it was',
    async () => {
      await applyNow(session, {
        roles: [
          { name: 'own_group', members: [{ role: 'own_group', member: 'own_lead', admin: true }] },
          { name: 'own_lead' },
          { name: 'own_mate' },
        ],
      });
      await session.client.query('GRANT own_lead TO limited_admin WITH INHERIT FALSE, SET TRUE');
      await server.query('SET ROLE own_lead; GRANT own_group TO own_mate');
      // Compares all memberships with those before.
      await applyNow(session, { memberships: [{ role: 'own_group', member: 'own_mate', absent: true }] });
      const rows = await server.query(
        `SELECT inherit_option AS inherit, set_option AS set FROM pg_auth_members
        WHERE roleid = 'own_lead'::regrole AND grantor = 'limited_admin'::regrole`,
      );
      expect(rows).toEqual([{ inherit: false, set: true }]);
    },
  );

  test('a parameter of superusers is refused, and taken after the remedy', async () => {
    const spec = {
      roles: [{ name: 'logged', attributes: { login: true } }],
      settings: [{ role: 'logged', name: 'log_statement', value: 'all' }],
    };
    await applyNow(session, { roles: spec.roles });
    const { plan } = await planNow(session, spec);
    expect(plan.refusals).toMatchObject([{ path: 'settings[0]' }]);
    const statement = `ALTER ROLE "logged" SET "log_statement" TO 'all'`;
    await expect(session.client.query(statement)).rejects.toMatchObject({ code: '42501' });
    await server.query(plan.refusals[0]?.remedy ?? '');
    await applyNow(session, spec);
  });

  test('parameters that are a problem cannot be set by a superuser either', async () => {
    await server.query('CREATE ROLE fixed');
    const names = ['log_connections', 'post_auth_delay', 'max_connections', 'autovacuum', 'server_version', 'nonsense'];
    for (const name of [...names, 'transaction_isolation']) {
      const spec = { settings: [{ role: 'fixed', name, value: '1' }] };
      await expect(planNow(session, spec)).rejects.toThrow('settings[0]');
      await expect(server.query(`ALTER ROLE fixed SET ${name} TO '1'`)).rejects.toThrow();
    }
  });
});
