import { describe, expect, test } from 'vitest';
import { authFileWith, consoleCommands, consumerFile } from '../../../domain/rotations/consumer-text.ts';
import { loginNames, nextLogin } from '../../../domain/rotations/rotation.ts';
import { prepareLogin } from '../../../domain/sql/rotation.ts';
import { isBelow } from '../../../platform/consumers/paths.ts';

describe('logins of a role', () => {
  test('are named after it, also where it has the longest name there is', () => {
    expect(loginNames('app', 'abcdef0123')).toEqual(['app_a', 'app_b']);
    const long = loginNames('ü'.repeat(31), 'abcdef0123');
    expect(long[0]).toMatch(/^ü+_abcdef01_a$/);
    for (const name of long) expect(new TextEncoder().encode(name).length).toBeLessThanOrEqual(63);
  });

  test('take turns, and the first run goes to the first of them', () => {
    const of = { role: 'app', logins: ['app_a', 'app_b'] as const };
    const next = (current: string) => nextLogin('alternating', { ...of, current });
    expect(['app', 'app_a', 'app_b'].map(next)).toEqual(['app_a', 'app_b', 'app_a']);
    expect(nextLogin('in-place', { ...of, current: 'app' })).toBe('app');
  });

  test('act as the role in each database, with all that a login does not inherit', () => {
    const sql = prepareLogin({
      login: 'App"_a',
      role: "o'App",
      exists: false,
      comment: 'made',
      databases: ['shop'],
      traits: {
        connectionLimit: 5,
        settings: [
          { database: null, entries: ['search_path="$user", "a,b"', 'role=other', 'work_mem=4MB'] },
          { database: 'shop', entries: ["my.setting=it's"] },
        ],
      },
      serverVersion: 180_000,
    });
    expect(sql).toEqual([
      'CREATE ROLE "App""_a" WITH NOLOGIN INHERIT',
      `COMMENT ON ROLE "App""_a" IS 'made'`,
      'ALTER ROLE "App""_a" WITH CONNECTION LIMIT 5',
      `GRANT "o'App" TO "App""_a" WITH INHERIT TRUE, SET TRUE`,
      `ALTER ROLE "App""_a" SET "search_path" TO '$user', 'a,b'`,
      `ALTER ROLE "App""_a" SET "work_mem" TO '4MB'`,
      `ALTER ROLE "App""_a" IN DATABASE "shop" SET "my"."setting" TO 'it''s'`,
      `ALTER ROLE "App""_a" IN DATABASE "shop" SET role = 'o''App'`,
    ]);
  });
});

describe('what consumers are given', () => {
  const login = {
    ...{
      server: 's',
      role: 'app',
      login: "o'app:a",
      password: 'pw',
      database: 'sh:op',
      host: 'db',
      port: 5432,
      version: 2,
    },
  };

  test.each([
    ['password', 'pw\n'],
    ['pgpass', "*:*:sh\\:op:o'app\\:a:pw\n"],
    ['env', `PGHOST='db'\nPGPORT=5432\nPGDATABASE='sh:op'\nPGUSER='o'\\''app:a'\nPGPASSWORD='pw'\n`],
  ] as const)('as %s', (format, text) => {
    expect(consumerFile(format, login)).toBe(text);
  });

  test('in the file of a PgBouncer changes one line, and leaves all others', () => {
    const before = `"admin" "secret"\n"o""app" "SCRAM-SHA-256$old"\n`;
    const after = authFileWith(before, new Map([['o"app', 'SCRAM-SHA-256$new']]));
    expect(after).toBe(`"admin" "secret"\n"o""app" "SCRAM-SHA-256$new"\n`);
    expect(authFileWith(after, new Map([['o"app', undefined]]))).toBe(`"admin" "secret"\n`);
    expect(consoleCommands(['a"b'])).toEqual(['RELOAD', 'RECONNECT "a""b"']);
    expect(consoleCommands(undefined)).toEqual(['RELOAD', 'RECONNECT']);
  });

  test.each(['a', 'a/b.json', '.a'])('lies below their directory: %s', (path) => {
    expect(isBelow(path)).toBe(true);
  });

  test.each(['', '.', '..', '../a', 'a/../b', '/a', 'a/', 'a//b', './a', 'a\0'])('lies nowhere else: %j', (path) => {
    expect(isBelow(path)).toBe(false);
  });
});
