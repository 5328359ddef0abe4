import { describe, expect, it } from 'vitest';
import { countByPlace } from '../../../../domain/access/drop/dependents.ts';
import type { RoleMembership } from '../../../../domain/access/drop/facts.ts';
import { planMemberships } from '../../../../domain/access/drop/memberships.ts';
import { planRights, type RightRow } from '../../../../domain/access/drop/rights.ts';

const right = (row: Partial<RightRow>): RightRow => ({
  keyword: 'TABLE',
  object: 'app.t',
  column: null,
  owner: 'o',
  grantor: 'o',
  grantee: 'leaver',
  grantable: false,
  privileges: ['SELECT'],
  ...row,
});

describe('how the rights of a role end', () => {
  const plan = (rows: RightRow[]) => planRights({ role: 'leaver', rows, databaseOwner: 'dbo' });

  it('names many objects in one statement for each grantor, and no more than the server can lock at ease', () => {
    const rows = Array.from({ length: 450 }, (_, index) => right({ object: `app.t${index}` }));
    const { revokes, revoked } = plan([...rows, right({ grantor: 'x' })]);
    expect(revokes.map(({ actor, sql }) => [actor, sql.split(', ').length])).toEqual([
      ['o', 200],
      ['o', 200],
      ['o', 50],
      ['x', 1],
    ]);
    expect(revoked).toBe(451);
  });

  it('gives again what the role gave on, as the owner, with the grant option where there was one, to PUBLIC as well', () => {
    const { regrants, revokes } = plan([
      right({ grantor: 'leaver', grantee: 'Peer', grantable: true }),
      right({ grantor: 'leaver', grantee: null, column: 'a b' }),
    ]);
    expect(regrants).toEqual([
      { actor: 'o', sql: 'GRANT SELECT ON TABLE app.t TO "Peer" WITH GRANT OPTION' },
      { actor: 'o', sql: 'GRANT SELECT ("a b") ON TABLE app.t TO PUBLIC' },
    ]);
    expect(revokes).toEqual([]);
  });

  it('lets the owner of the database act for pg_database_owner, which nobody can become', () => {
    const { revokes, actors } = plan([
      right({
        keyword: 'SCHEMA',
        object: 'public',
        owner: 'pg_database_owner',
        grantor: 'pg_database_owner',
        privileges: ['CREATE'],
      }),
    ]);
    expect(revokes).toEqual([{ actor: 'dbo', sql: 'REVOKE CREATE ON SCHEMA public FROM "leaver" CASCADE' }]);
    expect(actors).toEqual(['dbo']);
  });
});

describe('how the memberships of a role end', () => {
  const row = (of: Partial<RoleMembership>): RoleMembership => ({
    role: 'g',
    member: 'leaver',
    grantor: 'postgres',
    ...{ admin: false, inherit: true, set: true },
    ...of,
  });
  const plan = (major: number, memberships: RoleMembership[]) =>
    planMemberships({ role: 'leaver', admin: 'steward', recordedGrantor: 'postgres', major, memberships });

  it('ends each grantor’s own from 16 on, and the one there is before', () => {
    const memberships = [row({}), row({ grantor: 'x' })];
    expect(plan(16, memberships).revokes.map(({ sql }) => sql)).toEqual([
      'REVOKE "g" FROM "leaver" GRANTED BY "postgres"',
      'REVOKE "g" FROM "leaver" GRANTED BY "x"',
    ]);
    expect(plan(15, [row({})]).revokes.map(({ sql }) => sql)).toEqual(['REVOKE "g" FROM "leaver"']);
  });

  it('grants again what the role granted, and takes nothing from the grant that is there already', () => {
    const { regrants, revokes } = plan(17, [
      row({ admin: true }),
      row({ member: 'peer', grantor: 'leaver', inherit: false, set: true }),
      row({ member: 'peer', grantor: 'postgres', admin: true, inherit: false, set: false }),
      row({ member: 'peer', grantor: 'somebody', inherit: true }),
    ]);
    expect(regrants.map(({ sql }) => sql)).toEqual(['GRANT "g" TO "peer" WITH ADMIN TRUE, INHERIT FALSE, SET TRUE']);
    expect(revokes.map(({ sql }) => sql)).toEqual([
      'REVOKE "g" FROM "peer" GRANTED BY "leaver"',
      'REVOKE "g" FROM "leaver" GRANTED BY "postgres"',
    ]);
  });

  it('keeps the membership by which the admin role may change the role at all', () => {
    expect(plan(16, [row({ role: 'leaver', member: 'steward', admin: true })]).revokes).toEqual([]);
  });
});

describe('what depends on a role', () => {
  it('is summed up by place, memberships left out', () => {
    const places = countByPlace([
      { database: null, kind: 'acl', classes: [{ catalog: 'pg_auth_members', count: 3 }] },
      {
        database: 'd',
        kind: 'owner',
        classes: [
          { catalog: 'pg_class', count: 2 },
          { catalog: 'pg_default_acl', count: 1 },
        ],
      },
      { database: 'd', kind: 'policy', classes: [{ catalog: 'pg_policy', count: 1 }] },
      { database: 'd', kind: 'acl', classes: [{ catalog: 'pg_class', count: 4 }] },
    ]);
    expect(places).toEqual([
      {
        database: 'd',
        owns: { relations: 2 },
        rights: { relations: 4 },
        personal: { 'default privileges': 1 },
        policies: 1,
      },
    ]);
  });
});
