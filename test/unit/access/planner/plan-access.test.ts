import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { DesiredGrant } from '../../../../domain/access/document.ts';
import type { ObservedServer } from '../../../../domain/access/observed.ts';
import type { PlanStep } from '../../../../domain/access/plan.ts';
import { planAccess } from '../../../../domain/access/planner/plan-access.ts';
import { renderPlanText } from '../../../../domain/access/planner/plan-text.ts';
import { contextOf, creatorRow, type DocumentSpec, LIMITED, row, SUPERUSER, server } from '../roles/builders.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

function resultOf(observed: ObservedServer, spec: DocumentSpec, changedPasswords: string[] = []) {
  const context = contextOf(observed, spec, { changedPasswords: new Set(changedPasswords) });
  return planAccess({ ...context, sha256 });
}

function planOf(...input: Parameters<typeof resultOf>) {
  const result = resultOf(...input);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result;
}

const actions = (steps: readonly PlanStep[]) => steps.map(({ database, action }) => `${database ?? '*'}: ${action}`);

/** Databases with one schema and one table of the given owner. */
function withTables(observed: ObservedServer, owner: string, names: string[]): ObservedServer {
  const own = [{ grantee: owner, grantor: owner, privileges: 0x7fff, grantable: 0 }];
  const object = (kind: 'schema' | 'table', schema: string | null, name: string, oid: number) => {
    return { kind, schema, name, oid, owner, acl: own };
  };
  const databases = names.map((name, index) => ({
    ...{ name, oid: 20_000 + index, owner: SUPERUSER, acl: [], allowConnections: true, isTemplate: false },
    contents: { objects: [object('schema', null, 'app', 1), object('table', 'app', 't', 2)], defaults: [] },
  }));
  return { ...observed, databases: new Map(databases.map((database) => [database.name, database])) };
}

const grantTo = (grantee: string, at: string): DesiredGrant => ({
  on: { kind: 'table', schema: 'app', names: ['t'] },
  privileges: ['SELECT'],
  to: [grantee],
  grantOption: false,
  laterBy: [],
  at,
});

describe('plans', () => {
  const spec: DocumentSpec = {
    roles: [
      {
        name: 'app',
        attributes: { login: true },
        comment: 'the shop',
        hasPassword: true,
        memberOf: [{ role: 'reader', member: 'app' }],
        settings: [{ role: 'app', name: 'work_mem', value: '1MB' }],
      },
      { name: 'old', attributes: { login: true } },
      { name: 'reader', members: [{ role: 'reader', member: 'app' }] },
    ],
    databases: ['zoo', 'bar'].map((name, index) => ({
      name,
      grants: [grantTo('reader', `databases[${index}].grants[0]`)],
    })),
  };
  const observed = withTables(
    server({ roles: { old: {}, reader: {} }, memberships: [row('reader', 'old')] }),
    SUPERUSER,
    ['zoo', 'bar'],
  );

  test('begin with the whole server, and then go through the databases by name', () => {
    const { plan } = planOf(observed, spec);
    expect(actions(plan.steps)).toEqual([
      '*: create roles',
      '*: alter roles',
      '*: comment roles',
      '*: change settings',
      '*: grant memberships',
      '*: revoke memberships',
      'bar: grant privileges',
      'zoo: grant privileges',
    ]);
  });

  test('lead to a state with nothing left to do', () => {
    const { after } = planOf(observed, spec);
    expect(planOf(after, spec).plan).toMatchObject({ steps: [], refusals: [] });
  });

  test('have the same hash as long as they do the same on the same server', () => {
    const { hash } = planOf(observed, spec).plan;
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(planOf(observed, spec).plan.hash).toBe(hash);
    expect(planOf({ ...observed, name: 'other' }, spec).plan.hash).not.toBe(hash);
    expect(
      planOf(observed, { ...spec, settings: [{ role: 'old', name: 'work_mem', value: '2MB' }] }).plan.hash,
    ).not.toBe(hash);
    const elsewhere = { ...spec, databases: spec.databases?.slice(0, 1) ?? [] };
    expect(planOf(observed, elsewhere).plan.hash).not.toBe(hash);
  });

  test('are not made of documents with problems: all of them are told', () => {
    const result = resultOf(observed, {
      roles: [{ name: 'pg_app' }],
      memberships: [{ role: 'nobody', member: 'old' }],
      settings: [{ role: 'old', name: 'nonsense', value: '1' }],
      databases: [{ name: 'nowhere' }],
    });
    expect(result.ok ? [] : result.problems.map(({ path }) => path)).toEqual([
      'roles[0].name',
      'settings[0]',
      'memberships[0]',
      'databases[0].name',
    ]);
  });

  test('say which databases were not read where memberships change, because these act in all of them', () => {
    const unread = server({ roles: { a: {}, reader: {} }, databases: ['shop', 'template1'] });
    const shut = new Map(
      [...unread.databases].map(([name, value]) => [name, { ...value, isTemplate: name !== 'shop' }]),
    );
    const membership = { memberships: [{ role: 'reader', member: 'a' }] };
    const { notes } = planOf({ ...unread, databases: shut }, membership).plan;
    expect(notes).toEqual([expect.stringMatching(/not shown: shop$/)]);
    expect(planOf({ ...unread, databases: shut }, { roles: [{ name: 'new' }] }).plan.notes).toEqual([]);
  });
});

describe('what an admin role that is no superuser lacks', () => {
  test('is refused with path and remedy, while the plan still shows what was asked for', () => {
    const observed = server({ admin: LIMITED, roles: { theirs: {} } });
    const { plan } = planOf(observed, { roles: [{ name: 'theirs', attributes: { login: true } }] });
    expect(plan.refusals).toEqual([
      {
        path: 'roles[0]',
        message: expect.stringContaining('ADMIN OPTION'),
        remedy: `GRANT "theirs" TO "${LIMITED}" WITH ADMIN OPTION`,
      },
    ]);
    expect(actions(plan.steps)).toEqual(['*: alter roles']);
  });

  test('counts once, however many changes it is in the way of', () => {
    const observed = server({ admin: LIMITED, roles: { theirs: {}, a: {}, b: {} } });
    const members = ['a', 'b'].map((member) => ({ role: 'theirs', member }));
    const { refusals } = planOf(observed, {
      roles: [{ name: 'theirs', comment: 'x', attributes: { login: true } }],
    }).plan;
    expect(refusals).toHaveLength(1);
    expect(planOf(observed, { memberships: members }).plan.refusals.map(({ path }) => path)).toEqual([
      'memberships[0]',
      'memberships[1]',
    ]);
  });

  test('may be CREATEROLE itself', () => {
    const observed = server({ admin: 'weak', roles: { weak: { login: true } } });
    expect(planOf(observed, { roles: [{ name: 'new' }] }).plan.refusals).toMatchObject([
      { remedy: 'ALTER ROLE "weak" WITH CREATEROLE' },
    ]);
  });

  test('before 16 is little: CREATEROLE covers all roles but superusers', () => {
    const observed = server({ major: 15, admin: LIMITED, roles: { theirs: {}, a: {} } });
    const spec = {
      roles: [{ name: 'theirs', attributes: { login: true, createdb: true } }],
      memberships: [
        { role: 'theirs', member: 'a' },
        { role: 'pg_monitor', member: 'a' },
      ],
    };
    expect(planOf(observed, spec).plan.refusals).toEqual([]);
  });

  test('does not show a password in a remedy', () => {
    const observed = server({ major: 15, admin: LIMITED });
    const spec = { roles: [{ name: 'standby', attributes: { replication: true }, hasPassword: true }] };
    const [refusal] = planOf(observed, spec).plan.refusals;
    expect(refusal?.message).toContain('REPLICATION');
    expect(refusal).not.toHaveProperty('remedy');
  });
});

describe('privileges of other roles', () => {
  const grants = { databases: [{ name: 'shop', grants: [grantTo('reader', 'databases[0].grants[0]')] }] };
  const seenBy = (observed: ObservedServer) => planOf(withTables(observed, 'owner', ['shop']), grants).plan;
  const roles = { owner: {}, reader: {} };

  test('are lent for one transaction and given back', () => {
    const { steps } = seenBy(server({ admin: LIMITED, roles, memberships: [creatorRow('owner')] }));
    expect(actions(steps)).toEqual(['shop: lend privileges', 'shop: grant privileges', 'shop: return privileges']);
    expect(steps[0]?.statements.map(({ sql }) => sql)).toEqual([
      `GRANT "owner" TO "${LIMITED}" WITH ADMIN FALSE, INHERIT TRUE, SET TRUE GRANTED BY "${LIMITED}"`,
    ]);
    expect(steps[2]?.statements.map(({ sql }) => sql)).toEqual([
      `REVOKE "owner" FROM "${LIMITED}" GRANTED BY "${LIMITED}"`,
    ]);
  });

  test('are put back as they were where the admin role had a part of them from itself', () => {
    const own = row('owner', LIMITED, { grantor: LIMITED, inherit: false, set: true });
    const { steps } = seenBy(server({ admin: LIMITED, roles, memberships: [creatorRow('owner'), own] }));
    expect(steps.at(-1)?.statements.map(({ sql }) => sql)).toEqual([
      `GRANT "owner" TO "${LIMITED}" WITH ADMIN FALSE, INHERIT FALSE, SET TRUE GRANTED BY "${LIMITED}"`,
    ]);
  });

  test('are not lent to whoever has them, or to a superuser', () => {
    const has = server({ admin: LIMITED, roles, memberships: [row('owner', LIMITED)] });
    expect(actions(seenBy(has).steps)).toEqual(['shop: grant privileges']);
    expect(actions(seenBy(server({ roles })).steps)).toEqual(['shop: grant privileges']);
  });

  test('are lent by a plain GRANT before 16', () => {
    const { steps } = seenBy(server({ major: 14, admin: LIMITED, roles }));
    expect([steps.at(0), steps.at(-1)].map((step) => step?.statements[0]?.sql)).toEqual([
      `GRANT "owner" TO "${LIMITED}"`,
      `REVOKE "owner" FROM "${LIMITED}"`,
    ]);
  });

  test('of a role that is itself a member of the admin role cannot be lent', () => {
    const observed = server({ major: 15, admin: LIMITED, roles, memberships: [row(LIMITED, 'owner')] });
    expect(seenBy(observed).refusals).toMatchObject([
      { path: 'databases[0]', message: expect.stringContaining('member') },
    ]);
  });

  test('are refused with the statement that gives them', () => {
    const { refusals } = seenBy(server({ admin: LIMITED, roles }));
    expect(refusals).toMatchObject([
      { path: 'databases[0]', remedy: `GRANT "owner" TO "${LIMITED}" WITH INHERIT TRUE, SET TRUE` },
    ]);
  });
});

describe('the text of a plan', () => {
  test('has all that a reader must know, and no secret', () => {
    const observed = server({ admin: LIMITED, roles: { theirs: {} } });
    const { plan } = planOf(
      observed,
      {
        roles: [
          { name: 'app', attributes: { login: true }, comment: 'two\nlines', hasPassword: true },
          { name: 'theirs', attributes: { login: true } },
        ],
      },
      ['app'],
    );
    expect(renderPlanText(plan)).toBe(
      [
        'Server main (PostgreSQL 18)',
        '3 changes.',
        '',
        'Refused: nothing of this plan will be applied',
        `  - roles[1]: "${LIMITED}" has no ADMIN OPTION on role "theirs"`,
        `    whoever may can give it with: GRANT "theirs" TO "${LIMITED}" WITH ADMIN OPTION;`,
        '',
        'Server-wide',
        '  - create role app',
        "      SET LOCAL createrole_self_grant TO '';",
        `      CREATE ROLE "app" WITH LOGIN PASSWORD '********';`,
        '  - alter role theirs',
        '      ALTER ROLE "theirs" WITH LOGIN;',
        '  - comment role app',
        `      COMMENT ON ROLE "app" IS 'two`,
        `      lines';`,
        '',
        `Plan ${plan.hash}`,
        '',
      ].join('\n'),
    );
  });

  test('says who gains and who loses, what to note, and when there is nothing to do', () => {
    const access = { database: 'shop', object: 'table app.t', privilege: 'SELECT', logins: ['a'], through: [] };
    const { plan } = planOf(server(), {});
    const text = renderPlanText({
      ...plan,
      notes: ['mind this'],
      impact: {
        ...plan.impact,
        gained: [{ ...access, sentence: '1 more login can SELECT' }],
        lost: [{ ...access, sentence: '1 login no longer can SELECT' }],
      },
    });
    expect(text).toContain('No changes.\n\nAccess gained\n  - 1 more login can SELECT\n\nAccess lost\n');
    expect(text).toContain('Notes\n  - mind this\n');
  });
});
