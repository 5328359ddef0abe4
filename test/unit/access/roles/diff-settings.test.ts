import { describe, expect, test } from 'vitest';
import type { ObservedServer } from '../../../../domain/access/observed.ts';
import { diffSettings } from '../../../../domain/access/roles/diff-settings.ts';
import { renderRoles } from '../../../../domain/access/roles/render-roles.ts';
import { simulateRoles } from '../../../../domain/access/roles/simulate-roles.ts';
import { contextOf, type DocumentSpec, LIMITED, server } from './builders.ts';

const ROLES = { app: { login: true }, group: {}, dba: { login: true, superuser: true } };

function diffOf(observed: ObservedServer, spec: DocumentSpec, foreign = new Map<string, string>()) {
  const context = contextOf(observed, spec, { foreign });
  const diff = diffSettings(context);
  const after = simulateRoles(observed, diff.changes);
  if (diff.problems.length === 0 && diff.refusals.length === 0) {
    expect(diffSettings({ ...context, observed: after }).changes).toEqual([]);
  }
  const sql = renderRoles(diff.changes, observed).flatMap((step) => step.statements.map((statement) => statement.sql));
  return { ...diff, sql, after };
}

const stored = (name: string, value: string, database: string | null = null) => ({
  role: 'app',
  database,
  name,
  value,
});

describe('settings of roles', () => {
  test('a complete list sets what is missing or other, and resets the rest', () => {
    const observed = server({
      roles: ROLES,
      settings: [stored('work_mem', '4MB'), stored('DateStyle', 'ISO'), stored('work_mem', '8MB', 'shop')],
    });
    const { sql } = diffOf(observed, {
      roles: [
        {
          name: 'app',
          settings: [
            { role: 'app', name: 'work_mem', value: '64MB' },
            { role: 'app', name: 'search_path', value: 'app', database: 'shop' },
          ],
        },
      ],
    });
    expect(sql).toEqual([
      `ALTER ROLE "app" SET "work_mem" TO '64MB'`,
      `ALTER ROLE "app" IN DATABASE "shop" SET "search_path" TO 'app'`,
      `ALTER ROLE "app" RESET "DateStyle"`,
      `ALTER ROLE "app" IN DATABASE "shop" RESET "work_mem"`,
    ]);
  });

  test('single settings leave all others alone, and null resets', () => {
    const observed = server({ roles: ROLES, settings: [stored('work_mem', '4MB'), stored('DateStyle', 'ISO')] });
    const { sql } = diffOf(observed, {
      settings: [
        { role: 'app', name: 'datestyle', value: null },
        { role: 'app', name: 'app.tenant', value: "o'neill" },
        { role: 'app', name: 'search_path', value: null },
      ],
    });
    expect(sql).toEqual([`ALTER ROLE "app" RESET "DateStyle"`, `ALTER ROLE "app" SET "app"."tenant" TO 'o''neill'`]);
  });

  test('lists are compared element by element, and each element is a literal of its own', () => {
    const observed = server({ roles: ROLES, settings: [stored('search_path', '"$user", public')] });
    const ask = (value: string) => diffOf(observed, { settings: [{ role: 'app', name: 'search_path', value }] });
    expect(ask('$user,public').changes).toEqual([]);
    expect(ask('"$user",   "public"').changes).toEqual([]);
    const { sql, after } = ask('public, "My Schema", "a""b", "it\'s"');
    expect(sql).toEqual([`ALTER ROLE "app" SET "search_path" TO 'public', 'My Schema', 'a"b', 'it''s'`]);
    expect(after.settings[0]?.value).toBe(`public, "My Schema", "a""b", "it's"`);
  });

  test('the empty list is stored as one empty element', () => {
    const observed = server({ roles: ROLES, settings: [stored('search_path', '""')] });
    expect(diffOf(observed, { settings: [{ role: 'app', name: 'search_path', value: '' }] }).changes).toEqual([]);
  });

  test.each(['a,,b', 'a,', '"a', '"a"b'])('a value that is no list is a problem: %s', (value) => {
    const { problems } = diffOf(server({ roles: ROLES }), { settings: [{ role: 'app', name: 'search_path', value }] });
    expect(problems).toHaveLength(1);
  });

  test('other values are one literal, commas included', () => {
    const { sql } = diffOf(server({ roles: ROLES }), {
      settings: [{ role: 'app', name: 'datestyle', value: 'ISO, DMY' }],
    });
    expect(sql).toEqual([`ALTER ROLE "app" SET "datestyle" TO 'ISO, DMY'`]);
  });

  test('a role to switch to may be set, although no view shows that parameter', () => {
    const { sql } = diffOf(server({ roles: ROLES }), {
      settings: [{ role: 'app', name: 'role', value: 'group', database: 'shop' }],
    });
    expect(sql).toEqual([`ALTER ROLE "app" IN DATABASE "shop" SET "role" TO 'group'`]);
  });
});

describe('problems', () => {
  test.each([
    ['nonsense', 'has no parameter'],
    ['max_connections', 'at its start'],
    ['autovacuum', 'whole server'],
    ['server_version', 'cannot be changed'],
    ['log_connections', 'when a connection starts'],
    ['transaction_read_only', 'default_transaction_read_only'],
    ['a-b.c', 'no name of a parameter'],
  ])('%s cannot be set for a role: %s', (name, reason) => {
    const { problems } = diffOf(server({ roles: ROLES }), { settings: [{ role: 'app', name, value: '1' }] });
    expect(problems).toEqual([{ path: 'settings[0]', message: expect.stringContaining(reason) }]);
  });

  test('the role and the database must be there, unless the setting is reset', () => {
    const ask = (value: string | null) =>
      diffOf(server({ roles: ROLES }), {
        settings: [
          { role: 'nobody', name: 'work_mem', value },
          { role: 'app', name: 'work_mem', value, database: 'nowhere' },
        ],
      }).problems.map(({ path }) => path);
    expect(ask('1MB')).toEqual(['settings[0]', 'settings[1]']);
    expect(ask(null)).toEqual([]);
  });

  test('entries that contradict each other or a complete list', () => {
    const work = { role: 'app', name: 'work_mem', value: '1MB' };
    const { problems } = diffOf(server({ roles: ROLES }), {
      roles: [{ name: 'app', settings: [work] }],
      settings: [
        { ...work, name: 'WORK_MEM', value: '2MB' },
        { ...work, name: 'datestyle', value: 'ISO' },
      ],
    });
    expect(problems.map(({ path }) => path)).toEqual(['settings[0]', 'settings[1]']);
  });
});

describe('rules', () => {
  const work = { name: 'work_mem', value: '1MB' };

  test("the control plane's own role, roles of PostgreSQL and of other owners keep their settings", () => {
    const observed = server({ admin: LIMITED, roles: ROLES });
    const { changes, refusals } = diffOf(
      observed,
      { settings: [LIMITED, 'pg_monitor', 'app'].map((role) => ({ role, ...work })) },
      new Map([['app', 'database/storefront']]),
    );
    expect(changes).toEqual([]);
    expect(refusals.map(({ path }) => path)).toEqual(['settings[0]', 'settings[1]', 'settings[2]']);
  });

  test('settings of a superuser need "allow": ["superuser"]', () => {
    const spec = { settings: [{ role: 'dba', ...work }] };
    expect(diffOf(server({ roles: ROLES }), spec).refusals).toHaveLength(1);
    expect(diffOf(server({ roles: ROLES }), { ...spec, allow: ['superuser'] }).refusals).toEqual([]);
  });

  test.each([
    [14, `ALTER ROLE "app" SET "log_statement" TO 'all'`],
    [15, `GRANT SET ON PARAMETER "log_statement" TO "${LIMITED}"`],
  ])(
    'on %i a parameter of superusers is refused to a limited admin, with the statement that helps',
    (major, remedy) => {
      const spec = { settings: [{ role: 'app', name: 'log_statement', value: 'all' }] };
      const { changes, refusals } = diffOf(server({ major, admin: LIMITED, roles: ROLES }), spec);
      expect(changes).toEqual([]);
      expect(refusals).toMatchObject([{ path: 'settings[0]', remedy }]);
      expect(diffOf(server({ major, roles: ROLES }), spec).refusals).toEqual([]);
      const granted = server({ major, admin: LIMITED, roles: ROLES, grantedParameters: ['log_statement'] });
      expect(diffOf(granted, spec).refusals).toEqual([]);
    },
  );

  test('parameters of modules that are not loaded are for superusers, too', () => {
    const spec = { settings: [{ role: 'app', name: 'app.tenant', value: 'x' }] };
    expect(diffOf(server({ admin: LIMITED, roles: ROLES }), spec).refusals).toHaveLength(1);
  });

  test('settings of a role that cannot log in are said to be without effect', () => {
    const ask = (role: string) => diffOf(server({ roles: ROLES }), { settings: [{ role, ...work }] }).notes;
    expect(ask('group')).toEqual([expect.stringContaining('"group"')]);
    expect(ask('app')).toEqual([]);
  });
});
