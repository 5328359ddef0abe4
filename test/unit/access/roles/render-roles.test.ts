import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Change } from '../../../../domain/access/changes.ts';
import { maskedSql, VERIFIER_MASK } from '../../../../domain/access/plan.ts';
import { renderRoles } from '../../../../domain/access/roles/render-roles.ts';
import { LIMITED, SUPERUSER, server } from './builders.ts';

const sqlOf = (changes: Change[], observed = server()) =>
  renderRoles(changes, observed).flatMap(({ statements }) => statements.map(maskedSql));

function grant(role: string, member: string): Change {
  const options = { admin: false, inherit: true, set: true };
  return { type: 'grant_membership', role, member, grantor: SUPERUSER, ...options };
}

function revoke(role: string, member: string, more: object = {}): Change {
  return { type: 'revoke_membership', role, member, grantor: SUPERUSER, options: 'all', cascade: false, ...more };
}

describe('statements', () => {
  test('every attribute has its keyword, and the verifier comes last', () => {
    const attributes = {
      login: true,
      superuser: false,
      createdb: true,
      createrole: false,
      inherit: false,
      replication: true,
      bypassrls: false,
      connectionLimit: 5,
      validUntil: '2027-01-01T00:00:00Z',
    };
    expect(sqlOf([{ type: 'create_role', role: 'app', attributes, setsPassword: true }])).toEqual([
      'CREATE ROLE "app" WITH LOGIN NOSUPERUSER CREATEDB NOCREATEROLE NOINHERIT REPLICATION NOBYPASSRLS ' +
        `CONNECTION LIMIT 5 VALID UNTIL '2027-01-01T00:00:00Z' PASSWORD ${VERIFIER_MASK}`,
    ]);
    expect(sqlOf([{ type: 'create_role', role: 'g', attributes: {}, setsPassword: false }])).toEqual([
      'CREATE ROLE "g"',
    ]);
  });

  test('a validity without end is infinity: NULL is a syntax error', () => {
    const change: Change = {
      type: 'alter_role',
      role: 'app',
      attributes: { validUntil: 'infinity' },
      setsPassword: false,
    };
    expect(sqlOf([change])).toEqual([`ALTER ROLE "app" WITH VALID UNTIL 'infinity'`]);
  });

  test('names and texts are quoted', () => {
    const role = 'a"; DROP ROLE "b';
    expect(sqlOf([{ type: 'comment_role', role, comment: "it's \\" }])).toEqual([
      `COMMENT ON ROLE "a""; DROP ROLE ""b" IS  E'it''s \\\\'`,
    ]);
    expect(sqlOf([{ type: 'comment_role', role: 'a', comment: null }])).toEqual(['COMMENT ON ROLE "a" IS NULL']);
  });

  test('a setting of the server that would add memberships to new roles is switched off where it counts', () => {
    const create: Change = { type: 'create_role', role: 'app', attributes: {}, setsPassword: false };
    const off = "SET LOCAL createrole_self_grant TO ''";
    expect(sqlOf([create], server({ admin: LIMITED }))).toContain(off);
    expect(sqlOf([create], server({ admin: LIMITED, major: 15 }))).not.toContain(off);
    expect(sqlOf([create])).not.toContain(off);
  });

  test('revocations name the grantor and each option', () => {
    expect(sqlOf([revoke('g', 'a', { options: ['admin', 'set'], cascade: true })])).toEqual([
      'REVOKE ADMIN OPTION FOR "g" FROM "a" GRANTED BY "postgres" CASCADE',
      'REVOKE SET OPTION FOR "g" FROM "a" GRANTED BY "postgres" CASCADE',
    ]);
    expect(sqlOf([revoke('g', 'a')], server({ major: 15 }))).toEqual(['REVOKE "g" FROM "a"']);
  });
});

describe('steps', () => {
  test('200 roles are one step', () => {
    const changes = Array.from({ length: 200 }, (_, index): Change => {
      return { type: 'create_role', role: `r${index}`, attributes: {}, setsPassword: false };
    });
    const steps = renderRoles(changes, server());
    expect(steps).toMatchObject([
      { database: null, action: 'create roles', summary: 'create 200 roles', changes: 200 },
    ]);
  });

  test('memberships of many in many are one statement, but of lists that stay readable', () => {
    const members = Array.from({ length: 250 }, (_, index) => `m${index}`);
    const changes = members.flatMap((member) => [grant('g', member), grant('h', member)]);
    const [step] = renderRoles(changes, server());
    expect(step?.changes).toBe(500);
    expect(step?.statements).toHaveLength(2);
  });

  test('grants and revocations stay in the order of the changes', () => {
    const steps = renderRoles([grant('a', 'b'), revoke('c', 'd'), grant('d', 'c')], server());
    expect(steps.map(({ action }) => action)).toEqual(['grant memberships', 'revoke memberships', 'grant memberships']);
  });

  test('each pair of role and member is in exactly one statement, and no other pair is', () => {
    const pair = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 6, max: 12 }));
    fc.assert(
      fc.property(fc.uniqueArray(pair, { selector: ([role, member]) => `${role} ${member}` }), (pairs) => {
        const rendered = sqlOf(pairs.map(([role, member]) => grant(`r${role}`, `m${member}`))).flatMap((sql) => {
          const [, roles = '', members = ''] = /^GRANT (.*) TO (.*) WITH/.exec(sql) ?? [];
          return roles.split(', ').flatMap((role) => members.split(', ').map((member) => `${role} ${member}`));
        });
        expect(rendered.toSorted()).toEqual(pairs.map(([role, member]) => `"r${role}" "m${member}"`).toSorted());
      }),
    );
  });
});
