import { describe, expect, test } from 'vitest';
import { PUBLIC } from '../../../../domain/access/observed.ts';
import { diffObjects } from '../../../../domain/access/privileges/diff-objects.ts';
import { renderPrivileges } from '../../../../domain/access/privileges/render.ts';
import { asked, database, object, schema, server } from './support/server.ts';

describe('statements', () => {
  test('hold many objects and grantees: 60,000 pairs of one privilege are five statements', () => {
    const grantees = Array.from({ length: 60 }, (_, index) => `g${index}`);
    const tables = Array.from({ length: 1_000 }, (_, index) => object('table', `t${index}`, 'owner=r/owner'));
    const observed = server({ roles: ['owner', ...grantees], databases: [database([schema(), ...tables])] });
    const document = asked({
      grants: [{ on: { kind: 'table', schema: 'app', names: 'all' }, privileges: ['SELECT'], to: grantees }],
    });
    const steps = renderPrivileges(diffObjects({ document, observed }).changes, observed);
    expect(steps).toHaveLength(1);
    expect(steps[0]).toMatchObject({
      database: 'shop',
      action: 'grant privileges',
      summary: 'grant SELECT on 1000 tables of schema app to g0 and 59 more',
      changes: 60_000,
    });
    expect(steps[0]?.statements).toHaveLength(5);
  });

  test('put grantees together that get the same on the same objects, over kinds with one keyword', () => {
    const observed = server({
      roles: ['owner', 'a', 'b', 'c'],
      databases: [
        database([
          schema(),
          object('table', 't', 'owner=r/owner'),
          object('view', 'v', 'owner=r/owner'),
          object('table', 'u', 'owner=r/owner'),
        ]),
      ],
    });
    const grant = (kind: 'table' | 'view', names: string[], to: string[]) => ({
      on: { kind, schema: 'app', names },
      privileges: ['SELECT' as const],
      to,
    });
    const document = asked({
      grants: [
        grant('table', ['t'], ['b', 'a', PUBLIC]),
        grant('view', ['v'], ['a', 'b']),
        grant('table', ['u'], ['c']),
      ],
    });
    const steps = renderPrivileges(diffObjects({ document, observed }).changes, observed);
    expect(steps.map(({ statements, summary }) => [...statements.map(({ sql }) => sql), summary])).toEqual([
      ['GRANT SELECT ON TABLE "app"."t" TO PUBLIC', 'grant SELECT on table app.t to PUBLIC'],
      [
        'GRANT SELECT ON TABLE "app"."t", "app"."v" TO "a", "b"',
        'grant SELECT on 1 table and 1 view of schema app to a and b',
      ],
      ['GRANT SELECT ON TABLE "app"."u" TO "c"', 'grant SELECT on table app.u to c'],
    ]);
  });

  test('name all columns of one privilege at once', () => {
    const table = object('table', 't', 'owner=r/owner', { columnNames: ['a', 'b', 'c'] });
    const observed = server({ roles: ['owner', 'app'], databases: [database([schema(), table])] });
    const document = asked({
      grants: [
        {
          on: { kind: 'table', schema: 'app', names: ['t'] },
          columns: ['b', 'a'],
          privileges: ['SELECT', 'UPDATE'],
          to: ['app'],
        },
      ],
    });
    const [step, ...more] = renderPrivileges(diffObjects({ document, observed }).changes, observed);
    expect(more).toEqual([]);
    expect(step?.statements).toEqual([
      { sql: 'GRANT SELECT ("a", "b"), UPDATE ("a", "b") ON TABLE "app"."t" TO "app"' },
    ]);
    expect(step).toMatchObject({ summary: 'grant SELECT, UPDATE (a, b) on table app.t to app', changes: 1 });
  });

  test('quote every name, and PUBLIC is never one of them', () => {
    const odd = 'a"; DROP ROLE x; --';
    const table = object('table', odd, 'owner=r/owner');
    const observed = server({ roles: ['owner', odd, 'public'], databases: [database([schema(), table])] });
    const document = asked({
      grants: [{ on: { kind: 'table', schema: 'app', names: [odd] }, privileges: ['SELECT'], to: [odd, 'public'] }],
    });
    const steps = renderPrivileges(diffObjects({ document, observed }).changes, observed);
    expect(steps.flatMap(({ statements }) => statements)).toEqual([
      { sql: 'GRANT SELECT ON TABLE "app"."a""; DROP ROLE x; --" TO "a""; DROP ROLE x; --", "public"' },
    ]);
  });

  test('of databases themselves come first and belong to the whole server', () => {
    const observed = server({
      roles: ['owner', 'app'],
      databases: [database([schema()]), database([schema()], [], { name: 'crm' })],
    });
    const grants = [
      { on: { kind: 'schema' as const, schema: null, names: ['app'] }, privileges: ['CREATE' as const], to: ['app'] },
      { on: { kind: 'database' as const, schema: null, names: [] }, privileges: ['CREATE' as const], to: ['app'] },
    ];
    const document = asked({ grants });
    document.databases.push(...asked({ name: 'crm', grants }).databases);
    const steps = renderPrivileges(diffObjects({ document, observed }).changes, observed);
    expect(steps.map(({ database: where, statements }) => [where, ...statements.map(({ sql }) => sql)])).toEqual([
      [null, 'GRANT CREATE ON DATABASE "crm", "shop" TO "app"'],
      ['crm', 'GRANT CREATE ON SCHEMA "app" TO "app"'],
      ['shop', 'GRANT CREATE ON SCHEMA "app" TO "app"'],
    ]);
  });

  test('of an admin that is no superuser act as the owner where others have grant options, and only there', () => {
    const observed = server({
      roles: ['owner', 'bob', 'app'],
      databases: [
        database([
          schema(),
          object('table', 'plain', 'owner=r/owner,bob=r/owner'),
          object('table', 'shared', 'owner=r/owner,bob=r*/owner'),
        ]),
      ],
      admin: { name: 'limited', superuser: false },
    });
    const document = asked({
      grants: [{ on: { kind: 'table', schema: 'app', names: 'all' }, privileges: ['SELECT'], to: ['app'] }],
    });
    const steps = renderPrivileges(diffObjects({ document, observed }).changes, observed);
    expect(steps.map(({ statements }) => statements.map(({ sql }) => sql))).toEqual([
      ['GRANT SELECT ON TABLE "app"."plain" TO "app"'],
      ['SET LOCAL ROLE "owner"', 'GRANT SELECT ON TABLE "app"."shared" TO "app"', 'RESET ROLE'],
    ]);
    const [shop] = document.databases;
    shop?.grants.push({
      ...{ on: { kind: 'table', schema: 'app', names: ['plain'] }, privileges: ['INSERT'], to: ['bob'] },
      ...{ grantOption: true, laterBy: [], at: 'databases[0].grants[1]' },
    });
    // Somebody gets a grant option by the same plan.
    const later = renderPrivileges(diffObjects({ document, observed }).changes, observed);
    for (const { statements } of later) expect(statements[0]?.sql).toBe('SET LOCAL ROLE "owner"');
    expect(later).not.toEqual([]);
  });
});
