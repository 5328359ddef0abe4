import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { roleNameProblem } from '../../../domain/access/document/names.ts';
import { groupNames } from '../../../domain/users/groups.ts';
import { KIND_RULES, USER_KINDS, type UserKind, usernameFor } from '../../../domain/users/kinds.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test.each([
  ['app', { servername: 'web01', port: '8080' }, 'web01_8080', [], 200, 'database', 'user created'],
  ['app-k8s', { env_prefix: 'dv', farmname: 'gearservice' }, 'dv_gearservice', [], 200, 'database', 'user created'],
  ['devqa', { username: 'jsmith' }, 'jsmith', [], 20, 'database', 'user created'],
  ['devlead', { username: 'jsmith' }, 'jsmith', [], 20, 'database', 'user created'],
  ['readonly', { username: 'analyst01' }, 'analyst01', [], 20, 'database', 'user created'],
  ['dba', { username: 'dba1' }, 'dba1', ['CREATEDB', 'CREATEROLE'], 20, 'server', 'dba user created'],
] as const)('%s users are made as published', (kind, parameters, name, attributes, limit, searchPathIn, status) => {
  expect(usernameFor(kind, parameters)).toBe(name);
  expect(KIND_RULES[kind]).toMatchObject({ attributes, connectionLimit: limit, searchPathIn, createdStatus: status });
});

describe('privileges of the kinds', () => {
  const { privileges: readonly } = KIND_RULES.readonly;
  const { privileges: devqa } = KIND_RULES.devqa;
  const { privileges: devlead } = KIND_RULES.devlead;
  const parts = ['database', 'schemas', 'tables', 'sequences', 'routines'] as const;

  test('readonly users read and write nothing', () => {
    expect(readonly).toMatchObject({ schemas: ['USAGE'], tables: ['SELECT'], sequences: ['SELECT'] });
    expect(readonly.database).toEqual(['CONNECT']);
  });

  test('devlead users have all that devqa users have, and more of each but reading', () => {
    for (const part of parts) expect(devlead[part]).toEqual(expect.arrayContaining([...devqa[part]]));
    expect(devlead.schemas).toContain('CREATE');
    expect(devqa.schemas).not.toContain('CREATE');
  });

  test('nobody gets CREATE on the database itself, and a dba no table', () => {
    for (const kind of USER_KINDS) expect(KIND_RULES[kind].privileges.database).not.toContain('CREATE');
    expect(KIND_RULES.dba.privileges.tables).toEqual([]);
  });
});

describe('group roles', () => {
  const DATABASES = [
    'myapp_dev',
    'MyApp_dev',
    'my app',
    'my-app',
    'my_app',
    'pg_stats',
    'pgst_x',
    'db_pg_stats',
    '1st',
    'ä',
    'a"b',
    'x'.repeat(63),
    `${'x'.repeat(62)}y`,
    'x'.repeat(54),
    'x'.repeat(55),
    `myapp_dev_${sha256('MyApp_dev').slice(0, 16)}`,
    `my_app_${sha256('my app').slice(0, 16)}`,
    'shop',
    'shop_app',
    'shop_dba',
  ];
  const all = DATABASES.flatMap((database) => USER_KINDS.map((kind) => ({ database, kind })));

  test('an ordinary database has a readable name', () => {
    expect(groupNames({ database: 'myapp_dev', kind: 'readonly' }, sha256).preferred).toBe('myapp_dev_readonly');
    expect(groupNames({ database: 'myapp_dev', kind: 'app-k8s' }, sha256).preferred).toBe('myapp_dev_app_k8s');
  });

  test('each database and kind has names of its own, of 63 bytes at most, that need no quotes and are not reserved', () => {
    const names = all.flatMap((of) => [...new Set(Object.values(groupNames(of, sha256)))]);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect([name, roleNameProblem(name, { legacy: false })]).toEqual([name, undefined]);
    for (const name of names) expect(name).toMatch(/^[a-z_][a-z0-9_]{0,62}$/);
  });

  test.each([['app'], ['readonly']] as [UserKind][])(
    'the fallback of %s is another name, and always the same',
    (kind) => {
      const { preferred, fallback } = groupNames({ database: 'shop', kind }, sha256);
      expect(fallback).not.toBe(preferred);
      expect(fallback).toMatch(/^shop_[0-9a-f]{16}_/);
      expect(groupNames({ database: 'shop', kind }, sha256).fallback).toBe(fallback);
    },
  );
});
