import { describe, expect, test } from 'vitest';
import { checkDocument, type ServerKnowledge } from '../../../../domain/access/document/check.ts';
import { documentOf, grant, grants } from './documents.ts';
import { database, role, server } from './observed.ts';

const member = (group: string, name: string) => ({
  ...{ role: group, member: name, grantor: 'postgres' },
  ...{ admin: false, inherit: true, set: true },
});

function observed(versionNum: number, change: Partial<ServerKnowledge> = {}): ServerKnowledge {
  return {
    ...server({
      versionNum,
      superuser: false,
      roles: ['a', 'b', 'c', 'pg_maintain'].map((name) => role(name)),
      memberships: [member('b', 'a'), member('c', 'b')],
      settings: [{ role: 'a', database: null, name: 'log_statement', value: 'all' }],
      databases: [database('shop'), database('closed', { allowConnections: false })],
    }),
    ...change,
  };
}

function problems(submitted: unknown, knowledge: ServerKnowledge): string[] {
  return checkDocument(documentOf(submitted), knowledge).map(({ path, message }) => `${path}: ${message}`);
}

const setting = (members: Record<string, unknown>) => ({
  settings: [{ role: 'a', name: 'work_mem', value: '1', ...members }],
});
const entry = { role: 'c', member: 'd' };
const CIRCLE = 'with the memberships of the server, roles would be members of each other in a circle:';

describe('refused before acceptance', () => {
  test.each<[name: string, versionNum: number, submitted: unknown, ...problems: string[]]>([
    [
      'a database that is not there',
      180_000,
      { databases: [{ name: 'gone' }] },
      'databases[0].name: the server has no database "gone"',
    ],
    [
      'a database that nobody can enter',
      180_000,
      { databases: [{ name: 'closed' }] },
      'databases[0].name: database "closed" does not allow connections',
    ],
    [
      'a setting in a database that is not there',
      180_000,
      setting({ database: 'gone' }),
      'settings[0]: the server has no database "gone"',
    ],
    [
      'INHERIT FALSE before 16',
      150_000,
      { memberships: [{ ...entry, inherit: false }] },
      `memberships[0]: PostgreSQL 15 has no INHERIT option of memberships: the member's own "inherit" decides; 16 has it`,
    ],
    [
      'SET FALSE before 16',
      130_000,
      { roles: [{ name: 'a', member_of: [{ role: 'x', set: false }] }] },
      'roles[0].member_of[0]: PostgreSQL 13 has no SET option: every member may SET ROLE; 16 has it',
    ],
    [
      'MAINTAIN before 17',
      160_000,
      grants(grant({ privileges: ['SELECT', 'MAINTAIN'] })),
      'databases[0].grants[0].privileges: PostgreSQL 16 has no privilege MAINTAIN: it came with 17',
    ],
    [
      'a predefined role that the version lacks',
      130_000,
      { memberships: [{ role: 'pg_read_all_data', member: 'a' }] },
      'memberships[0]: role "pg_read_all_data" exists only from PostgreSQL 14 on',
    ],
    [
      'a predefined role as grantee',
      180_000,
      grants(grant({ to: ['a', 'pg_nothing'] })),
      'databases[0].grants[0].to: role "pg_nothing" does not exist on the server, and the document does not create it',
    ],
    [
      'a circle with memberships of the server',
      180_000,
      { memberships: [{ role: 'a', member: 'c' }] },
      `memberships[0]: ${CIRCLE} "c" → "a" → "b" → "c"`,
    ],
    [
      'a circle through a role of the document',
      180_000,
      {
        memberships: [
          { role: 'd', member: 'c' },
          { role: 'a', member: 'd' },
        ],
      },
      `memberships[0]: ${CIRCLE} "c" → "d" → "a" → "b" → "c"`,
    ],
    [
      'a parameter that is none',
      180_000,
      setting({ name: 'work_memory' }),
      'settings[0]: PostgreSQL 18 has no parameter "work_memory"',
    ],
    [
      'a parameter of the whole server',
      180_000,
      setting({ name: 'shared_buffers' }),
      'settings[0]: parameter "shared_buffers" is set for the whole server, at its start',
    ],
    [
      'a parameter of superusers',
      180_000,
      setting({ name: 'Log_Statement', database: 'shop' }),
      'settings[0]: parameter "Log_Statement" can be set by superusers only',
    ],
  ])('%s', (_name, versionNum, submitted, ...expected) => {
    expect(problems(submitted, observed(versionNum))).toEqual(expected);
  });
});

describe('not refused', () => {
  test.each<[name: string, versionNum: number, submitted: unknown]>([
    ['options of memberships on 16', 160_000, { memberships: [{ ...entry, inherit: false, set: false }] }],
    ['INHERIT TRUE before 16', 150_000, { memberships: [{ ...entry, inherit: true, set: true }] }],
    ['MAINTAIN on 17', 170_000, grants(grant({ privileges: ['MAINTAIN'] }))],
    ['ALL on 13', 130_000, grants(grant({ privileges: 'ALL' }))],
    [
      'the end of a membership in a role that the version lacks',
      130_000,
      { memberships: [{ role: 'pg_checkpoint', member: 'a', absent: true }] },
    ],
    ['a predefined role that is there', 180_000, { memberships: [{ role: 'pg_maintain', member: 'a' }] }],
    ['a role that may come to be', 180_000, { memberships: [entry] }],
    [
      'a membership turned round',
      180_000,
      {
        memberships: [
          { role: 'b', member: 'a', absent: true },
          { role: 'a', member: 'b' },
        ],
      },
    ],
    [
      'a circle that a complete list of groups breaks',
      180_000,
      {
        roles: [
          { name: 'a', member_of: [] },
          { name: 'c', member_of: ['a'] },
        ],
      },
    ],
    [
      'a circle that a complete list of members breaks',
      180_000,
      { roles: [{ name: 'b', members: [] }], memberships: [{ role: 'a', member: 'c' }] },
    ],
    ['a custom parameter', 180_000, setting({ name: 'app.tenant' })],
    ['a parameter that pg_settings does not show', 180_000, setting({ name: 'role', value: 'b' })],
    ['a reset of a parameter that is none', 180_000, setting({ name: 'work_memory', value: null })],
    ['a parameter of superusers that is set already', 180_000, setting({ name: 'log_statement', value: 'all' })],
  ])('%s', (_name, versionNum, submitted) => {
    expect(problems(submitted, observed(versionNum))).toEqual([]);
  });

  test('a parameter of superusers, where the admin role is one or was granted it', () => {
    const submitted = setting({ name: 'log_statement', database: 'shop' });
    expect(problems(submitted, observed(180_000, { admin: { superuser: true } }))).toEqual([]);
    expect(problems(submitted, observed(180_000, { grantedParameters: new Set(['log_statement']) }))).toEqual([]);
  });

  test('what is not known of the server', () => {
    const { databases, memberships } = observed(180_000);
    const knowledge = { versionNum: 180_000, databases, memberships };
    expect(
      problems({ ...setting({ name: 'work_memory' }), memberships: [{ role: 'pg_x', member: 'a' }] }, knowledge),
    ).toEqual([]);
  });
});
