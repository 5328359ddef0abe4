import { describe, expect, test } from 'vitest';
import { grant, grants, problemsOf, VERIFIER } from './documents.ts';

const LONG = 'é'.repeat(32);
const TABLE = { kind: 'table', schema: 'app', names: ['orders'] };

const role = (members: Record<string, unknown>) => ({ roles: [{ name: 'alice', ...members }] });
const setting = (members: Record<string, unknown>) => ({
  settings: [{ role: 'alice', name: 'work_mem', value: '1', ...members }],
});
const database = (members: Record<string, unknown>) => ({ databases: [{ name: 'shop', ...members }] });
const on = (selector: Record<string, unknown>) => grants(grant({ on: selector, privileges: 'ALL' }));
const defaults = (...changes: Record<string, unknown>[]) =>
  database({
    default_privileges: changes.map((change) => ({
      creator: 'owner',
      schema: 'app',
      on: 'table',
      privileges: ['SELECT'],
      to: ['reporting'],
      ...change,
    })),
  });
const revoke = (change: Record<string, unknown> = {}) => ({
  on: TABLE,
  privileges: ['SELECT'],
  from: ['reporting'],
  ...change,
});
const both = (granted: Record<string, unknown>, revoked: Record<string, unknown>) =>
  database({ grants: [grant(granted)], revokes: [revoke(revoked)] });

/** What is refused: the document, and all its problems. */
type Refusal = [name: string, submitted: unknown, ...problems: string[]];

const SHAPES: Refusal[] = [
  ['no object', null, ': must be an object'],
  ['a list', [], ': must be an object'],
  ['an unknown member', { role: [] }, 'role: is not known here'],
  ['an unknown member with a strange name', { 'a b': 1 }, '"a b": is not known here'],
  ['an unknown member of an entry', role({ passwort: 'x' }), 'roles[0].passwort: is not known here'],
  ['a member that is null', { roles: null }, 'roles: must be a list'],
  ['a member that is missing', { roles: [{}] }, 'roles[0].name: is missing'],
  [
    'an allowance that is none',
    { allow: ['all'] },
    'allow[0]: must be one of "superuser", "server_access", "legacy_names", "cascade"',
  ],
  ['a flag as text', role({ login: 'true' }), 'roles[0].login: must be true or false'],
  ['a connection limit below -1', role({ connection_limit: -2 }), 'roles[0].connection_limit: must be at least -1'],
  [
    'a connection limit that is no int4',
    role({ connection_limit: 2 ** 31 }),
    'roles[0].connection_limit: must be at most 2147483647',
  ],
  [
    'a fraction as connection limit',
    role({ connection_limit: 1.5 }),
    'roles[0].connection_limit: must be a whole number',
  ],
  ['a number as group', role({ member_of: [1] }), 'roles[0].member_of[0]: must be a string or an object'],
  ['a group without name', role({ member_of: [{ admin: true }] }), 'roles[0].member_of[0].role: is missing'],
  [
    'a group that says member',
    role({ member_of: [{ role: 'g', member: 'x' }] }),
    'roles[0].member_of[0].member: is not known here',
  ],
  ['a number as setting', setting({ value: 7 }), 'settings[0].value: must be a string'],
  [
    'a null in a complete list of settings',
    role({ settings: [{ name: 'work_mem', value: null }] }),
    'roles[0].settings[0].value: must be a string',
  ],
  [
    'a kind that is none',
    on({ kind: 'index', schema: 'app', names: ['x'] }),
    `databases[0].grants[0].on.kind: must be one of "database", "schema", "table", "view", "foreign_table", "sequence", "routine", "type", "language", "foreign_data_wrapper", "foreign_server"`,
  ],
  [
    'all that is not true',
    on({ kind: 'table', schema: 'app', all: false }),
    'databases[0].grants[0].on.all: must be true',
  ],
  ['no grantees', grants(grant({ to: [] })), 'databases[0].grants[0].to: must not be empty'],
  ['no privileges', grants(grant({ privileges: [] })), 'databases[0].grants[0].privileges: must not be empty'],
  [
    'privileges of another type',
    grants(grant({ privileges: 1 })),
    'databases[0].grants[0].privileges: must be a string or a list',
  ],
  [
    'a privilege of another type',
    grants(grant({ privileges: ['SELECT', 1] })),
    'databases[0].grants[0].privileges[1]: must be a string',
  ],
  [
    'more entries than a list may have',
    { allow: Array(20_001).fill('cascade') },
    'allow: must not have more than 20000 entries',
  ],
  [
    'a password that is too long',
    role({ password: 'x'.repeat(1_025) }),
    'roles[0].password: must not be longer than 1024 characters',
  ],
];

const NAMES: Refusal[] = [
  ['an empty role name', { roles: [{ name: '' }] }, 'roles[0].name: must not be empty'],
  ['a name over 63 bytes', { roles: [{ name: LONG }] }, 'roles[0].name: must not exceed 63 bytes'],
  ['a name with NUL', { roles: [{ name: 'a\0b' }] }, 'roles[0].name: must not contain the character NUL'],
  ['a name that has no UTF-8 form', { roles: [{ name: 'a\ud800' }] }, 'roles[0].name: must be valid Unicode text'],
  ['PUBLIC as role', { roles: [{ name: 'PUBLIC' }] }, 'roles[0].name: must be a role: PUBLIC is everyone'],
  ['PUBLIC as group', role({ member_of: ['public'] }), 'roles[0].member_of[0]: must be a role: PUBLIC is everyone'],
  [
    'PUBLIC as member',
    role({ members: [{ member: 'Public' }] }),
    'roles[0].members[0].member: must be a role: PUBLIC is everyone',
  ],
  ['PUBLIC as owner', database({ owner: 'PUBLIC' }), 'databases[0].owner: must be a role: PUBLIC is everyone'],
  [
    'PUBLIC as creator',
    defaults({ creator: 'PUBLIC' }),
    'databases[0].default_privileges[0].creator: must be a role: PUBLIC is everyone',
  ],
  [
    'PUBLIC as creator of later objects',
    grants(grant({ on: { kind: 'table', schema: 'a', all: true }, later: ['PUBLIC'] })),
    'databases[0].grants[0].later[0]: must be a role: PUBLIC is everyone',
  ],
  ['a long name of a database', { databases: [{ name: LONG }] }, 'databases[0].name: must not exceed 63 bytes'],
  [
    'a long name of a table',
    on({ kind: 'table', schema: 'app', names: ['a', LONG] }),
    'databases[0].grants[0].on.names[1]: must not exceed 63 bytes',
  ],
  [
    'an empty name of a table',
    on({ kind: 'table', schema: 'app', names: [''] }),
    'databases[0].grants[0].on.names[0]: must not be empty',
  ],
  [
    'a long name of a column',
    grants(grant({ columns: [LONG] })),
    'databases[0].grants[0].columns[0]: must not exceed 63 bytes',
  ],
  [
    'an endless name of a routine',
    on({ kind: 'routine', schema: 'app', names: ['x'.repeat(16_385)] }),
    'databases[0].grants[0].on.names[0]: must not exceed 16384 bytes',
  ],
  [
    'a parameter name that is none',
    setting({ name: 'work mem' }),
    'settings[0].name: must consist of letters, digits, "_" and "$", and not start with a digit; dots separate such names',
  ],
];

const ROLES: Refusal[] = [
  [
    'the same role twice',
    { roles: [{ name: 'a' }, { name: 'b' }, { name: 'a' }] },
    'roles[2].name: role "a" is described in roles[0] already',
  ],
  [
    'an end without offset',
    role({ valid_until: '2027-01-01T00:00:00' }),
    'roles[0].valid_until: must be an RFC 3339 timestamp with offset, such as 2027-01-01T00:00:00Z; null is no end',
  ],
  [
    'a day that no calendar has',
    role({ valid_until: '2027-02-29T00:00:00Z' }),
    'roles[0].valid_until: must be an RFC 3339 timestamp with offset, such as 2027-01-01T00:00:00Z; null is no end',
  ],
  [
    'a mark of the control plane as comment',
    role({ comment: 'pgsteward installation=x' }),
    'roles[0].comment: must not be a mark of the control plane',
  ],
  ['NUL in a comment', role({ comment: 'a\0' }), 'roles[0].comment: must not contain the character NUL'],
  ['an empty password', role({ password: '' }), 'roles[0].password: must not be empty'],
  ['a line break in a password', role({ password: 'a\nb' }), 'roles[0].password: must not contain CR, LF or NUL'],
  ['a password without UTF-8 form', role({ password: '\ud800' }), 'roles[0].password: must be valid Unicode text'],
  [
    'password and verifier',
    role({ password: 'x', verifier: VERIFIER }),
    'roles[0].verifier: must not be given together with a password',
  ],
  [
    'a verifier that is none',
    role({ verifier: 'md5abc' }),
    'roles[0].verifier: must be a SCRAM verifier as PostgreSQL stores it: SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>',
  ],
];

const MEMBERSHIPS: Refusal[] = [
  [
    'a role in itself',
    { memberships: [{ role: 'a', member: 'a' }] },
    'memberships[0]: role "a" cannot be a member of itself',
  ],
  [
    'a role in itself, in its own list',
    role({ member_of: ['alice'] }),
    'roles[0].member_of[0]: role "alice" cannot be a member of itself',
  ],
  [
    'members of pg_database_owner',
    { memberships: [{ role: 'pg_database_owner', member: 'a' }] },
    'memberships[0]: "pg_database_owner" has no memberships: it is whoever owns the database',
  ],
  [
    'a circle',
    {
      roles: [
        { name: 'a', member_of: ['b'] },
        { name: 'c', members: ['b'] },
      ],
      memberships: [
        { role: 'a', member: 'c' },
        { role: 'd', member: 'c' },
      ],
    },
    'memberships[0]: roles cannot be members of each other in a circle: "a" → "b" → "c" → "a"',
  ],
  [
    'two circles',
    {
      memberships: [
        ['a', 'b'],
        ['b', 'a'],
        ['c', 'd'],
        ['d', 'c'],
      ].map(([r, m]) => ({ role: r, member: m })),
    },
    'memberships[1]: roles cannot be members of each other in a circle: "b" → "a" → "b"',
    'memberships[3]: roles cannot be members of each other in a circle: "d" → "c" → "d"',
  ],
  [
    'a membership that is to be and to end',
    {
      memberships: [
        { role: 'g', member: 'a' },
        { role: 'g', member: 'a', absent: true },
      ],
    },
    'memberships[1]: contradicts memberships[0], where the same membership is asked for',
  ],
  [
    'the other way round',
    {
      memberships: [
        { role: 'g', member: 'a', absent: true },
        { role: 'g', member: 'a' },
      ],
    },
    'memberships[1]: contradicts memberships[0], where the same membership is to end',
  ],
  [
    'the same membership with other options',
    {
      roles: [
        { name: 'a', member_of: ['g'] },
        { name: 'g', members: [{ member: 'a', admin: true }] },
      ],
    },
    'roles[1].members[0]: contradicts roles[0].member_of[0]: the same membership with other options',
  ],
  [
    'options of a membership that is to end',
    { memberships: [{ role: 'g', member: 'a', absent: true, admin: true }] },
    'memberships[0]: asks for options of a membership that is to end',
  ],
  [
    'a group that a complete list of groups lacks',
    { roles: [{ name: 'a', member_of: ['h'] }], memberships: [{ role: 'g', member: 'a' }] },
    'memberships[0]: contradicts roles[0].member_of, which is complete and lacks "g"',
  ],
  [
    'a member that a complete list of members lacks',
    {
      roles: [
        { name: 'a', member_of: ['g'] },
        { name: 'g', members: [] },
      ],
    },
    'roles[0].member_of[0]: contradicts roles[1].members, which is complete and lacks "a"',
  ],
];

const SETTINGS: Refusal[] = [
  ['NUL in a value', setting({ value: 'a\0' }), 'settings[0].value: must not contain the character NUL'],
  [
    'the same setting twice',
    {
      settings: [
        { role: 'a', name: 'TimeZone', value: 'UTC' },
        { role: 'a', name: 'timezone', value: null },
      ],
    },
    'settings[1]: contradicts settings[0]: the same setting with another value',
  ],
  [
    'a setting that a complete list lacks',
    { roles: [{ name: 'a', settings: [] }], settings: [{ role: 'a', name: 'work_mem', value: '1' }] },
    'settings[0]: contradicts roles[0].settings, which is complete and lacks this setting',
  ],
  [
    'a reset of what a complete list has',
    {
      roles: [{ name: 'a', settings: [{ name: 'work_mem', value: '1' }] }],
      settings: [{ role: 'a', name: 'work_mem', value: null }],
    },
    'settings[0]: contradicts roles[0].settings[0]: the same setting with another value',
  ],
];

const AT = 'databases[0].grants[0]';
const GRANTS: Refusal[] = [
  [
    'the same database twice',
    { databases: [{ name: 'a' }, { name: 'a' }] },
    'databases[1].name: database "a" is described in databases[0] already',
  ],
  [
    'a word that is no privilege',
    grants(grant({ privileges: ['SELECT', 'READ'] })),
    `${AT}.privileges[1]: "READ" is no privilege`,
  ],
  [
    'a word that only looks like a privilege',
    grants(grant({ privileges: ['ınsert'] })),
    `${AT}.privileges[0]: "ınsert" is no privilege`,
  ],
  [
    'a privilege as text',
    grants(grant({ privileges: 'SELECT' })),
    `${AT}.privileges: must be a list of privileges, or "ALL"`,
  ],
  ['ALL beside others', grants(grant({ privileges: ['ALL', 'SELECT'] })), `${AT}.privileges[0]: ALL stands alone`],
  [
    'a privilege that the kind does not have',
    grants(grant({ on: { kind: 'sequence', schema: 'app', names: ['s'] }, privileges: ['INSERT'] })),
    `${AT}.privileges[0]: a sequence has no privilege INSERT; it has USAGE, SELECT, UPDATE`,
  ],
  [
    'a privilege of parameters',
    grants(grant({ privileges: ['alter  system'] })),
    `${AT}.privileges[0]: a table has no privilege ALTER SYSTEM; it has SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER, MAINTAIN`,
  ],
  [
    'a privilege that columns do not have',
    grants(grant({ privileges: ['SELECT', 'DELETE'], columns: ['a'] })),
    `${AT}.privileges[1]: columns have no privilege DELETE; they have SELECT, INSERT, UPDATE, REFERENCES`,
  ],
  [
    'columns of a kind without',
    grants(grant({ on: { kind: 'schema', names: ['app'] }, privileges: ['USAGE'], columns: ['a'] })),
    `${AT}.columns: a schema has no columns`,
  ],
  [
    'a table without schema',
    on({ kind: 'table', names: ['orders'] }),
    `${AT}.on.schema: is missing: a table lies in a schema`,
  ],
  [
    'a language in a schema',
    on({ kind: 'language', schema: 'app', names: ['sql'] }),
    `${AT}.on.schema: must be left out: a language lies in no schema`,
  ],
  ['neither names nor all', on({ kind: 'table', schema: 'app' }), `${AT}.on: must have either "names" or "all"`],
  [
    'names and all',
    on({ kind: 'table', schema: 'app', names: ['a'], all: true }),
    `${AT}.on: must have either "names" or "all"`,
  ],
  [
    'names of the database itself',
    on({ kind: 'database', names: ['shop'] }),
    `${AT}.on.names: must be left out: the database itself is meant`,
  ],
  [
    'all and schema of the database itself',
    on({ kind: 'database', schema: 'app', all: true }),
    `${AT}.on.schema: must be left out: a database lies in no schema`,
    `${AT}.on.all: must be left out: the database itself is meant`,
  ],
  [
    'a grant option for PUBLIC',
    grants(grant({ to: ['a', 'public'], grant_option: true })),
    `${AT}.to[1]: PUBLIC cannot have a grant option`,
  ],
  [
    'later objects of a list of names',
    grants(grant({ later: ['owner'] })),
    `${AT}.later: goes with "all": objects that are named are there already`,
  ],
  [
    'later views',
    grants(grant({ on: { kind: 'view', schema: 'app', all: true }, later: ['owner'] })),
    `${AT}.later: default privileges cannot tell a view from a table: ask for them in default_privileges, on "table"`,
  ],
  [
    'later foreign tables',
    grants(grant({ on: { kind: 'foreign_table', schema: 'app', all: true }, later: ['owner'] })),
    `${AT}.later: default privileges cannot tell a foreign table from a table: ask for them in default_privileges, on "table"`,
  ],
  [
    'later languages',
    grants(grant({ on: { kind: 'language', all: true }, privileges: 'ALL', later: ['owner'] })),
    `${AT}.later: there are no default privileges for a language`,
  ],
  [
    'later databases',
    grants(grant({ on: { kind: 'database' }, privileges: 'ALL', later: ['owner'] })),
    `${AT}.later: there are no default privileges for a database`,
  ],
  [
    'later objects for columns',
    grants(grant({ on: { kind: 'table', schema: 'app', all: true }, columns: ['a'], later: ['owner'] })),
    `${AT}.later: default privileges know no columns`,
  ],
  [
    'what is granted is revoked',
    both({}, {}),
    'databases[0].revokes[0]: contradicts databases[0].grants[0], which grants SELECT to "reporting"',
  ],
  [
    'what ALL grants is revoked',
    both({ privileges: 'ALL', to: ['PUBLIC', 'a'] }, { privileges: ['INSERT', 'DELETE'], from: ['b', 'public'] }),
    'databases[0].revokes[0]: contradicts databases[0].grants[0], which grants INSERT, DELETE to "PUBLIC"',
  ],
  [
    'one of all tables is revoked',
    both({ on: { kind: 'table', schema: 'app', all: true } }, {}),
    'databases[0].revokes[0]: contradicts databases[0].grants[0], which grants SELECT to "reporting"',
  ],
  [
    'a granted table is among all that are revoked',
    both({}, { on: { kind: 'table', schema: 'app', all: true } }),
    'databases[0].revokes[0]: contradicts databases[0].grants[0], which grants SELECT to "reporting"',
  ],
  [
    'a granted column is revoked',
    both({ columns: ['a', 'b'] }, { columns: ['b'] }),
    'databases[0].revokes[0]: contradicts databases[0].grants[0], which grants SELECT to "reporting"',
  ],
  [
    'a grant option that is granted is revoked',
    both({ grant_option: true }, { grant_option: true }),
    'databases[0].revokes[0]: contradicts databases[0].grants[0], which grants SELECT with grant option to "reporting"',
  ],
  [
    'a right on the database itself is revoked',
    both({ on: { kind: 'database' }, privileges: 'ALL' }, { on: { kind: 'database' }, privileges: ['TEMP'] }),
    'databases[0].revokes[0]: contradicts databases[0].grants[0], which grants TEMPORARY to "reporting"',
  ],
];

const DEFAULTS_AT = 'databases[0].default_privileges[0]';
const DEFAULTS: Refusal[] = [
  [
    'default privileges of schemas in a schema',
    defaults({ on: 'schema', privileges: ['USAGE'] }),
    `${DEFAULTS_AT}.schema: must be left out: a schema lies in no schema`,
  ],
  [
    'default privileges of a kind that has none',
    defaults({ on: 'view' }),
    `${DEFAULTS_AT}.on: must be one of "table", "sequence", "routine", "type", "schema"`,
  ],
  [
    'a default privilege that the kind does not have',
    defaults({ on: 'type', privileges: ['SELECT'] }),
    `${DEFAULTS_AT}.privileges[0]: a type has no privilege SELECT; it has USAGE`,
  ],
  [
    'a default grant option for PUBLIC',
    defaults({ to: ['PUBLIC'], grant_option: true }),
    `${DEFAULTS_AT}.to[0]: PUBLIC cannot have a grant option`,
  ],
  [
    'an absent grant option',
    defaults({ absent: true, grant_option: true }),
    `${DEFAULTS_AT}.grant_option: must be left out: what is absent has no grant option`,
  ],
  [
    'a default that is to be and not',
    defaults({}, { absent: true, privileges: 'ALL' }),
    `databases[0].default_privileges[1]: contradicts ${DEFAULTS_AT}, which asks for SELECT for "reporting"`,
  ],
  [
    'a default that covers later objects, and is not to be',
    database({
      grants: [grant({ on: { kind: 'table', schema: 'app', all: true }, later: ['owner'] })],
      default_privileges: [
        { creator: 'owner', schema: 'app', on: 'table', privileges: ['SELECT'], to: ['reporting'], absent: true },
      ],
    }),
    `${DEFAULTS_AT}: contradicts databases[0].grants[0], which asks for SELECT for "reporting"`,
  ],
];

const owners = (...entries: unknown[]) => database({ owners: entries });
const OWNERS: Refusal[] = [
  [
    'an owner of the database itself among objects',
    owners({ on: { kind: 'database' }, owner: 'a' }),
    'databases[0].owners[0].on.kind: the database itself has its owner in "owner", beside its name',
  ],
  [
    'two owners of one object',
    owners({ on: TABLE, owner: 'a' }, { on: TABLE, owner: 'b' }),
    'databases[0].owners[1]: contradicts databases[0].owners[0], which gives the same to "a"',
  ],
  [
    'an owner of all and another of one',
    owners({ on: TABLE, owner: 'a' }, { on: { kind: 'table', schema: 'app', all: true }, owner: 'b' }),
    'databases[0].owners[1]: contradicts databases[0].owners[0], which gives the same to "a"',
  ],
  [
    'an owner of one and another of all',
    owners({ on: { kind: 'table', schema: 'app', all: true }, owner: 'b' }, { on: TABLE, owner: 'a' }),
    'databases[0].owners[1]: contradicts databases[0].owners[0], which gives the same to "b"',
  ],
];

describe.each([
  ['shapes', SHAPES],
  ['names', NAMES],
  ['roles', ROLES],
  ['memberships', MEMBERSHIPS],
  ['settings', SETTINGS],
  ['grants and revokes', GRANTS],
  ['default privileges', DEFAULTS],
  ['owners', OWNERS],
])('refused with its place and reason, of %s:', (_what, refusals) => {
  test.each(refusals)('%s', (_name, submitted, ...problems) => {
    expect(problemsOf(submitted)).toEqual(problems);
  });
});

test.each<[name: string, submitted: unknown]>([
  [
    'the same membership from both sides',
    {
      roles: [
        { name: 'a', member_of: ['g'] },
        { name: 'g', members: [{ member: 'a', inherit: true }] },
      ],
    },
  ],
  [
    'the end of a membership that a complete list lacks',
    { roles: [{ name: 'a', member_of: [] }], memberships: [{ role: 'g', member: 'a', absent: true }] },
  ],
  [
    'a circle of which one membership is to end',
    {
      memberships: [
        { role: 'a', member: 'b' },
        { role: 'b', member: 'a', absent: true },
      ],
    },
  ],
  [
    'the same setting in two databases',
    { settings: ['x', 'y'].map((name) => ({ role: 'a', name: 'work_mem', value: name, database: name })) },
  ],
  [
    'the same setting twice with one value',
    { settings: [1, 2].map(() => ({ role: 'a', name: 'work_mem', value: '1' })) },
  ],
  ['ALL as only entry of a list', grants(grant({ privileges: ['All'] }))],
  ['a grant on the table and a revoke on its column', both({}, { columns: ['a'] })],
  ['a grant on a column and a revoke on the table', both({ columns: ['a'] }, {})],
  ['a grant, and a revoke of its grant option', both({}, { grant_option: true })],
  ['a grant and a revoke in other schemas', both({}, { on: { ...TABLE, schema: 'other' } })],
  ['a grant and a revoke of other tables', both({}, { on: { ...TABLE, names: ['cards'] } })],
  ['a grant and a revoke for others', both({}, { from: ['auditing'] })],
  ['a grant and a revoke of other privileges', both({}, { privileges: ['INSERT'] })],
  ['a default in one schema, absent in another', defaults({}, { schema: 'other', absent: true })],
  [
    'two owners of other objects',
    owners({ on: TABLE, owner: 'a' }, { on: { ...TABLE, names: ['cards'] }, owner: 'b' }),
  ],
  ['a routine without argument types', on({ kind: 'routine', schema: 'app', names: ['pay'] })],
  [
    'names with quotes, dots, control characters and PUBLIC of another kind',
    on({ kind: 'table', schema: 'public', names: ['a"b', 'a.b', 'a\tb', 'PUBLIC'] }),
  ],
  ['predefined roles', { memberships: [{ role: 'pg_monitor', member: 'a' }] }],
])('accepted: %s', (_name, submitted) => {
  expect(problemsOf(submitted)).toEqual([]);
});
