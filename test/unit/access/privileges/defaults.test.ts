import { describe, expect, test } from 'vitest';
import { type ObservedServer, PUBLIC } from '../../../../domain/access/observed.ts';
import { diffObjects } from '../../../../domain/access/privileges/diff-objects.ts';
import { renderPrivileges } from '../../../../domain/access/privileges/render.ts';
import { simulatePrivileges } from '../../../../domain/access/privileges/simulate.ts';
import { asked, database, schema, server } from './support/server.ts';

type Row = NonNullable<Parameters<typeof database>[1]>[number];

function withDefaults(...rows: Row[]): ObservedServer {
  return server({ roles: ['owner', 'app', 'bob', 'carol'], databases: [database([schema(), schema('crm')], rows)] });
}

function sqlOf(document: ReturnType<typeof asked>, observed: ObservedServer): string[] {
  const { changes, problems } = diffObjects({ document, observed });
  expect(problems).toEqual([]);
  return renderPrivileges(changes, observed).flatMap(({ statements }) => statements.map(({ sql }) => sql));
}

describe('default privileges', () => {
  test('come with grants that cover later objects', () => {
    const tables = { kind: 'table' as const, schema: 'app', names: 'all' as const };
    const document = asked({
      grants: [{ on: tables, privileges: ['SELECT'], to: ['app', 'bob'], laterBy: ['owner'] }],
    });
    expect(sqlOf(document, withDefaults())).toEqual([
      'ALTER DEFAULT PRIVILEGES FOR ROLE "owner" IN SCHEMA "app" GRANT SELECT ON TABLES TO "app", "bob"',
    ]);
  });

  test('cannot cover later views by themselves, nor columns, nor creators that do not exist', () => {
    const of = (grant: Parameters<typeof asked>[0]['grants']) =>
      diffObjects({ document: asked({ grants: grant ?? [] }), observed: withDefaults() }).problems.map(
        ({ path }) => path,
      );
    const to = ['app'];
    expect(of([{ on: { kind: 'view', schema: 'app', names: 'all' }, to, laterBy: ['owner'] }])).toEqual([
      'databases[0].grants[0].later',
    ]);
    expect(
      of([{ on: { kind: 'table', schema: 'app', names: 'all' }, to, columns: ['a'], laterBy: ['owner'] }]),
    ).toEqual(['databases[0].grants[0].later']);
    expect(of([{ on: { kind: 'table', schema: 'app', names: 'all' }, to, laterBy: ['owner', 'none'] }])).toEqual([
      'databases[0].grants[0].later[1]',
    ]);
  });

  test('of several schemas and grantees are one statement', () => {
    const give = (schemaName: string, to: string[]) => ({
      creator: 'owner',
      schema: schemaName,
      on: 'table' as const,
      privileges: ['SELECT' as const],
      to,
    });
    const document = asked({
      defaultPrivileges: [give('crm', ['bob', 'app']), give('app', ['app']), give('app', ['bob'])],
    });
    expect(sqlOf(document, withDefaults())).toEqual([
      'ALTER DEFAULT PRIVILEGES FOR ROLE "owner" IN SCHEMA "app", "crm" GRANT SELECT ON TABLES TO "app", "bob"',
    ]);
  });

  test('that all schemas give already are not given again in one', () => {
    const observed = withDefaults({
      creator: 'owner',
      schema: null,
      on: 'table',
      acl: 'owner=arwdDxtm/owner,app=r/owner',
    });
    const document = asked({
      defaultPrivileges: [{ creator: 'owner', schema: 'app', on: 'table', privileges: ['SELECT'], to: ['app'] }],
    });
    expect(sqlOf(document, observed)).toEqual([]);
    const withOption = withDefaults({ creator: 'owner', schema: null, on: 'table', acl: 'owner=r/owner,app=r*/owner' });
    for (const entry of document.databases[0]?.defaultPrivileges ?? []) entry.grantOption = true;
    expect(sqlOf(document, withOption)).toEqual([]);
  });

  test('EXECUTE of PUBLIC, which is built in, goes only for all schemas', () => {
    const absent = (place: string | null) =>
      asked({ defaultPrivileges: [{ creator: 'owner', schema: place, on: 'routine', to: [PUBLIC], absent: true }] });
    const observed = withDefaults();
    expect(diffObjects({ document: absent('app'), observed }).problems).toEqual([
      {
        path: 'databases[0].default_privileges[0]',
        message:
          'the built-in defaults give PUBLIC EXECUTE on a routine; one schema cannot take it away: leave the schema out',
      },
    ]);
    expect(sqlOf(absent(null), observed)).toEqual([
      'ALTER DEFAULT PRIVILEGES FOR ROLE "owner" REVOKE EXECUTE ON ROUTINES FROM PUBLIC',
    ]);
    const after = simulatePrivileges(observed, diffObjects({ document: absent(null), observed }).changes);
    expect(diffObjects({ document: absent('app'), observed: after })).toEqual({ changes: [], problems: [], notes: [] });
  });

  test('that a creator gives in all schemas cannot be taken away in one', () => {
    const observed = withDefaults(
      { creator: 'owner', schema: null, on: 'table', acl: 'owner=arwdDxtm/owner,app=rw/owner' },
      { creator: 'owner', schema: 'app', on: 'table', acl: 'app=r/owner' },
    );
    const document = asked({
      defaultPrivileges: [
        { creator: 'owner', schema: 'app', on: 'table', privileges: ['SELECT'], to: ['app'], absent: true },
      ],
    });
    expect(diffObjects({ document, observed }).problems).toEqual([
      {
        path: 'databases[0].default_privileges[0]',
        message: expect.stringContaining('the defaults of owner for all schemas give app SELECT'),
      },
    ]);
  });

  test('that are absent for all schemas and given in one are noted', () => {
    const observed = withDefaults({ creator: 'owner', schema: 'app', on: 'table', acl: 'app=r/owner' });
    const document = asked({ defaultPrivileges: [{ creator: 'owner', on: 'table', to: ['app'], absent: true }] });
    expect(diffObjects({ document, observed }).notes).toEqual([
      'databases[0].default_privileges[0]: the defaults of owner in schema app still give app SELECT',
    ]);
  });

  test('of exact grantees go with every creator, and those of a creator to itself stay', () => {
    const observed = withDefaults(
      { creator: 'owner', schema: 'app', on: 'table', acl: 'app=rw*/owner,bob=r/owner' },
      { creator: 'carol', schema: null, on: 'routine', acl: '=X/carol,carol=X/carol,app=X/carol' },
      { creator: 'app', schema: null, on: 'type', acl: 'app=U/app' },
    );
    const document = asked({
      exactGrantees: ['app'],
      defaultPrivileges: [{ creator: 'owner', schema: 'app', on: 'table', privileges: ['UPDATE'], to: ['app'] }],
    });
    expect(sqlOf(document, observed)).toEqual([
      'ALTER DEFAULT PRIVILEGES FOR ROLE "carol" REVOKE EXECUTE ON ROUTINES FROM "app"',
      'ALTER DEFAULT PRIVILEGES FOR ROLE "owner" IN SCHEMA "app" REVOKE SELECT ON TABLES FROM "app"',
      'ALTER DEFAULT PRIVILEGES FOR ROLE "owner" IN SCHEMA "app" REVOKE GRANT OPTION FOR UPDATE ON TABLES FROM "app"',
    ]);
  });

  test('a row that says what the server does without it is gone', () => {
    const observed = withDefaults({ creator: 'owner', schema: null, on: 'routine', acl: 'owner=X/owner' });
    const document = asked({ defaultPrivileges: [{ creator: 'owner', on: 'routine', to: [PUBLIC] }] });
    const after = simulatePrivileges(observed, diffObjects({ document, observed }).changes);
    expect(after.databases.get('shop')?.contents?.defaults).toEqual([]);
  });

  test('given and not to be given contradict each other', () => {
    const entry = { creator: 'owner', on: 'table' as const, privileges: ['SELECT' as const], to: ['app'] };
    const document = asked({ defaultPrivileges: [entry, { ...entry, absent: true }] });
    expect(diffObjects({ document, observed: withDefaults() }).problems.map(({ path }) => path)).toEqual([
      'databases[0].default_privileges[1]',
    ]);
  });
});
