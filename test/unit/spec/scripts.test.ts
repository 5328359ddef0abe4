import { describe, expect, test } from 'vitest';
import { bodyWith, problemsOf } from './requests.ts';

function problemOf(statement: string): string[] {
  return problemsOf(bodyWith({ scripts: { post_database_create: [statement] } }));
}

describe('what cannot run in the transaction of its list is refused', () => {
  test.each([
    'BEGIN',
    'COMMIT',
    'ROLLBACK',
    'SAVEPOINT a',
    "PREPARE TRANSACTION 'a'",
    'VACUUM',
    'VACUUM t',
    'CREATE DATABASE x',
    'DROP DATABASE x',
    'ALTER DATABASE x SET TABLESPACE y',
    "CREATE TABLESPACE x LOCATION '/x'",
    'DROP TABLESPACE x',
    'ALTER SYSTEM SET work_mem = 1',
    'CREATE INDEX CONCURRENTLY i ON t (a)',
    'DROP INDEX CONCURRENTLY i',
    'REINDEX TABLE CONCURRENTLY t',
    'REINDEX (VERBOSE, CONCURRENTLY TRUE) INDEX i',
    'REINDEX SCHEMA s',
    'REINDEX DATABASE d',
    'ALTER TABLE t DETACH PARTITION p CONCURRENTLY',
    'CLUSTER',
    'DISCARD ALL',
    "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p",
    'ALTER SUBSCRIPTION s REFRESH PUBLICATION',
    'DROP SUBSCRIPTION s',
    'COPY t FROM STDIN',
    'COPY t TO STDOUT',
    'LISTEN x',
  ])('%s', (statement) => {
    expect(problemOf(statement)).toEqual([expect.stringMatching(/^scripts\.post_database_create\[0\]: .+/)]);
  });
});

describe('what can run in it is accepted', () => {
  test.each([
    'CREATE SCHEMA api',
    'CREATE ROLE web_anon NOLOGIN',
    'ALTER ROLE web_anon PASSWORD NULL',
    'ALTER DATABASE x OWNER TO y',
    'ANALYZE t',
    'CREATE INDEX i ON t (a)',
    'DROP INDEX i',
    'REINDEX TABLE t',
    'REINDEX (CONCURRENTLY FALSE) TABLE t',
    'ALTER TABLE t DETACH PARTITION p',
    'CLUSTER t',
    'LOCK TABLE t',
    "NOTIFY pgrst, 'reload schema'",
    'ALTER DEFAULT PRIVILEGES FOR ROLE admin GRANT USAGE ON SCHEMAS TO app',
    'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; SELECT 2 $$',
    'SELECT 1;',
  ])('%s', (statement) => {
    expect(problemOf(statement)).toEqual([]);
  });
});

test('a statement that does not parse is refused at its place, with the position', () => {
  const scripts = {
    post_init: ['CREATE ROLE a', 'CREATE ROLE b', 'CREATE ROLE c', 'CREAT ROLE d'],
    post_database_create: ['SELECT ('],
  };
  expect(problemsOf(bodyWith({ scripts }))).toEqual([
    'scripts.post_init[3]: syntax error at character 1',
    'scripts.post_database_create[0]: syntax error at end of input',
  ]);
});

test.each([
  ['SELECT 1; SELECT 2', 'must be one statement, got 2'],
  ['-- nothing', 'contains no statement'],
  [' ; ', 'contains no statement'],
  ['SELECT 1\0; DROP TABLE t', 'must be valid Unicode text without NUL'],
])('an element is one statement: %j', (statement, message) => {
  expect(problemOf(statement)).toEqual([`scripts.post_database_create[0]: ${message}`]);
});

test.each([
  "CREATE ROLE x LOGIN PASSWORD 'c4nary'",
  "ALTER USER x ENCRYPTED PASSWORD 'c4nary'",
  "CREATE USER MAPPING FOR x SERVER s OPTIONS (user 'a', password 'c4nary')",
  "CREATE ROLE x 'c4nary'",
  'CREATE ROLE x c4nary',
  "CREATE ROLE x PASSWORD 'c4nary",
  'CREATE ROLE x PASSWORD $c4nary$c4nary',
])('a password in a statement is refused and never repeated: %s', (statement) => {
  const problems = problemOf(statement);
  expect(problems).toHaveLength(1);
  expect(problems.join()).not.toContain('c4nary');
});
