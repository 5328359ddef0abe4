import { expect, test } from 'vitest';
import { roleNameProblem } from '../../../../domain/access/document/names.ts';

test.each([
  ['pg_monitor2', 'names that start with pg_ are reserved by PostgreSQL'],
  ['public', '"public" is reserved by PostgreSQL'],
  ['PUBLIC', '"PUBLIC" is reserved by PostgreSQL'],
  ['none', '"none" is reserved by PostgreSQL'],
  ['', 'must not be empty'],
  ['é'.repeat(32), 'must not exceed 63 bytes'],
  ['a\0', 'must not contain control characters'],
  ['a\nb', 'must not contain control characters'],
  ['pgsteward', 'names that start with pgsteward or pgst_ are reserved for the control plane'],
  ['PgSteward_x', 'names that start with pgsteward or pgst_ are reserved for the control plane'],
  ['pgst_owner_x', 'names that start with pgsteward or pgst_ are reserved for the control plane'],
  ['pgedge_application_read_only', '"pgedge_application_read_only" is made by the control plane itself'],
])('no allowance makes a role %j', (name, problem) => {
  expect(roleNameProblem(name, { legacy: false })).toBe(problem);
  expect(roleNameProblem(name, { legacy: true })).toBe(problem);
});

test.each([
  ['Alice', 'must start with a lower-case letter'],
  ['1a', 'must start with a lower-case letter'],
  ['a b', 'must start with a lower-case letter'],
  ['ünï', 'must start with a lower-case letter'],
  ['a"b', 'must start with a lower-case letter'],
  ['+all', 'must start with a lower-case letter'],
  ['PG_x', 'must start with a lower-case letter'],
  ['user', 'is a keyword of pg_hba.conf, PgBouncer or SQL'],
  ['All', 'is a keyword of pg_hba.conf, PgBouncer or SQL'],
  ['replication', 'is a keyword of pg_hba.conf, PgBouncer or SQL'],
  ['current_user', 'is a keyword of pg_hba.conf, PgBouncer or SQL'],
  ['None', 'is a keyword of pg_hba.conf, PgBouncer or SQL'],
])('a role %j is made only with the allowance', (name, reason) => {
  expect(roleNameProblem(name, { legacy: false })).toContain(reason);
  expect(roleNameProblem(name, { legacy: false })).toContain('"allow": ["legacy_names"]');
  expect(roleNameProblem(name, { legacy: true })).toBeUndefined();
});

test.each(['alice', '_a', 'a-b$c_9', `a${'b'.repeat(62)}`, 'pgx', 'users'])('a role %s can be made', (name) => {
  expect(roleNameProblem(name, { legacy: false })).toBeUndefined();
});
