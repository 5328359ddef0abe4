import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DesiredGrant } from '../../../domain/access/document.ts';
import { notOnThisVersion, startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { applyNow, openSession, planNow, runPlan, type Session } from './on-server.ts';

const grant = (schema: string, table: string, to: string): DesiredGrant => ({
  on: { kind: 'table', schema, names: [table] },
  privileges: ['SELECT'],
  to: [to],
  grantOption: false,
  laterBy: [],
  at: 'databases[0].grants[0]',
});

const giveAway = (schema: string, table: string, owner: string) => ({
  on: { kind: 'table' as const, schema, names: [table] },
  owner,
  at: 'databases[0].owners[0]',
});

describe.each(testMajors())('a limited admin acts for other roles on PostgreSQL %i', (major) => {
  let server: VersionedServer;
  let session: Session;

  beforeAll(async () => {
    server = await startServerOf(major);
    session = await openSession(server, 'limited');
    await session.client.query('CREATE DATABASE shop');
    await server.query('CREATE DATABASE other');
    await applyNow(session, { roles: ['keeper', 'reader', 'heir'].map((name) => ({ name })) });
    await server.query('CREATE SCHEMA app AUTHORIZATION keeper; CREATE TABLE app.t (id int)', { database: 'shop' });
    await server.query('ALTER TABLE app.t OWNER TO keeper', { database: 'shop' });
  });

  afterAll(async () => {
    await session?.client.end();
    await server?.stop();
  });

  const actions = (steps: readonly { action: string }[]) => steps.map(({ action }) => action);

  test('what it made a role for, it gives to that role, and is no member of it afterwards', async () => {
    // Compares all memberships with those before.
    const plan = await applyNow(session, { databases: [{ name: 'shop', owner: 'keeper' }] });
    expect(actions(plan.steps)).toEqual(['lend privileges', 'change owners', 'return privileges']);
  });

  test('a role that the same plan creates can own what is there', async () => {
    await session.client.query('CREATE DATABASE fresh');
    const plan = await applyNow(session, {
      roles: [{ name: 'fresh_owner' }],
      databases: [{ name: 'fresh', owner: 'fresh_owner' }],
    });
    expect(actions(plan.steps)).toEqual(['create roles', 'lend privileges', 'change owners', 'return privileges']);
  });

  test('privileges and default privileges of an owner are given with its privileges, in its database', async () => {
    const plan = await applyNow(session, {
      databases: [
        {
          name: 'shop',
          grants: [grant('app', 't', 'reader')],
          defaultPrivileges: [
            {
              ...{ creator: 'keeper', schema: 'app', on: 'table', privileges: ['SELECT'], to: ['reader'] },
              ...{ grantOption: false, absent: false, at: 'databases[0].default_privileges[0]' },
            },
          ],
        },
      ],
    });
    expect(plan.steps.map(({ database }) => database)).toEqual(plan.steps.map(() => 'shop'));
    expect(actions(plan.steps).at(0)).toBe('lend privileges');
    expect(actions(plan.steps).at(-1)).toBe('return privileges');
  });

  test('what a superuser owns is refused, by the server as well', async () => {
    await server.query('CREATE SCHEMA root; CREATE TABLE root.t (id int)', { database: 'shop' });
    const spec = { databases: [{ name: 'shop', grants: [grant('root', 't', 'reader')] }] };
    const { plan } = await planNow(session, spec);
    expect(plan.refusals).toEqual([{ path: 'databases[0]', message: expect.stringContaining('superuser') }]);
    await expect(runPlan(session, plan.steps)).rejects.toMatchObject({ code: '42501' });
  });

  (major >= 16 ? test : notOnThisVersion)(
    'an owner that somebody else made is refused until its privileges are given',
    async () => {
      await server.query('CREATE ROLE stranger');
      await server.query('CREATE SCHEMA far AUTHORIZATION stranger; CREATE TABLE far.t (id int)', { database: 'shop' });
      await server.query('ALTER TABLE far.t OWNER TO stranger', { database: 'shop' });
      const spec = { databases: [{ name: 'shop', grants: [grant('far', 't', 'reader')] }] };
      const { plan } = await planNow(session, spec);
      expect(plan.refusals).toMatchObject([
        { path: 'databases[0]', remedy: 'GRANT "stranger" TO "limited_admin" WITH INHERIT TRUE, SET TRUE' },
      ]);
      await expect(runPlan(session, plan.steps)).rejects.toMatchObject({ code: '42501' });
      await server.query(plan.refusals[0]?.remedy ?? '');
      expect(actions((await applyNow(session, spec)).steps)).not.toContain('lend privileges');
    },
  );

  test('a new owner that may not create in the schema is refused until it may', async () => {
    const spec = { databases: [{ name: 'shop', owners: [giveAway('app', 't', 'heir')] }] };
    const { plan } = await planNow(session, spec);
    expect(plan.refusals).toMatchObject([{ path: 'databases[0]', remedy: 'GRANT CREATE ON SCHEMA "app" TO "heir"' }]);
    await expect(runPlan(session, plan.steps)).rejects.toMatchObject({ code: '42501' });
    await server.query(plan.refusals[0]?.remedy ?? '', { database: 'shop' });
    await applyNow(session, spec);
  });

  test('a schema is given away only by whoever may create in the database', async () => {
    await server.query('CREATE SCHEMA movable AUTHORIZATION keeper', { database: 'other' });
    const owners = [{ on: { kind: 'schema' as const, schema: null, names: ['movable'] }, owner: 'heir', at: 'x' }];
    const spec = { databases: [{ name: 'other', owners }] };
    const { plan } = await planNow(session, spec);
    expect(plan.refusals).toMatchObject([{ remedy: 'GRANT CREATE ON DATABASE "other" TO "limited_admin"' }]);
    await expect(runPlan(session, plan.steps)).rejects.toMatchObject({ code: '42501' });
    await server.query(plan.refusals[0]?.remedy ?? '');
    await applyNow(session, spec);
  });

  test('without CREATEDB no database changes its owner', async () => {
    await server.query('ALTER ROLE limited_admin NOCREATEDB');
    const spec = { databases: [{ name: 'shop', owner: 'heir' }] };
    const { plan } = await planNow(session, spec);
    expect(plan.refusals).toMatchObject([{ path: 'databases[0]', remedy: 'ALTER ROLE "limited_admin" WITH CREATEDB' }]);
    await expect(runPlan(session, plan.steps)).rejects.toMatchObject({ code: '42501' });
    await server.query(plan.refusals[0]?.remedy ?? '');
    await applyNow(session, spec);
  });

  test('what lies in a schema that its owner may not use is refused until it may', async () => {
    await server.query('CREATE SCHEMA shut AUTHORIZATION keeper; CREATE TABLE shut.t (id int)', { database: 'shop' });
    await server.query('ALTER TABLE shut.t OWNER TO heir', { database: 'shop' });
    const spec = { databases: [{ name: 'shop', grants: [grant('shut', 't', 'reader')] }] };
    const { plan } = await planNow(session, spec);
    expect(plan.refusals).toMatchObject([{ path: 'databases[0]', remedy: 'GRANT USAGE ON SCHEMA "shut" TO "heir"' }]);
    await expect(runPlan(session, plan.steps)).rejects.toMatchObject({ code: '42501' });
    await server.query(plan.refusals[0]?.remedy ?? '', { database: 'shop' });
    await applyNow(session, spec);
  });

  (major < 16 ? test : notOnThisVersion)('before 16 an admin role without INHERIT cannot act for others', async () => {
    await server.query('ALTER ROLE limited_admin NOINHERIT');
    await server.query('CREATE SCHEMA quiet AUTHORIZATION keeper; CREATE TABLE quiet.t (id int)', { database: 'shop' });
    await server.query('ALTER TABLE quiet.t OWNER TO keeper', { database: 'shop' });
    const spec = { databases: [{ name: 'shop', grants: [grant('quiet', 't', 'reader')] }] };
    const { plan } = await planNow(session, spec);
    expect(plan.refusals).toContainEqual(
      expect.objectContaining({ remedy: 'ALTER ROLE "limited_admin" WITH INHERIT' }),
    );
    await expect(runPlan(session, plan.steps)).rejects.toMatchObject({ code: '42501' });
    await server.query(plan.refusals[0]?.remedy ?? '');
    await applyNow(session, spec);
  });
});
