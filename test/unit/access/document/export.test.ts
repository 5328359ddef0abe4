import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkDocument } from '../../../../domain/access/document/check.ts';
import { exportDocument } from '../../../../domain/access/document/export.ts';
import type { AccessDocument } from '../../../../domain/access/document.ts';
import { type AclEntry, type ObservedObject, type ObservedServer, PUBLIC } from '../../../../domain/access/observed.ts';
import { diffObjects } from '../../../../domain/access/privileges/diff-objects.ts';
import { diffMemberships } from '../../../../domain/access/roles/diff-memberships.ts';
import { diffRoles } from '../../../../domain/access/roles/diff-roles.ts';
import { diffSettings } from '../../../../domain/access/roles/diff-settings.ts';
import { documentOf } from './documents.ts';
import { database, entry, observedServers, role, server } from './observed.ts';

/** Only a hang ends these tests: the machine may be busy. */
const OPTIONS = { timeout: 120_000 };

/** What the engine finds to do, and to complain about. */
function planOf(document: AccessDocument, observed: ObservedServer) {
  const context = { document, observed, changedPasswords: new Set<string>(), foreign: new Map<string, string>() };
  const parts = [diffRoles(context), diffMemberships(context), diffSettings(context)];
  const objects = diffObjects({ document, observed });
  return {
    changes: [...parts.flatMap(({ changes }) => changes), ...objects.changes],
    problems: [...parts.flatMap(({ problems }) => problems), ...objects.problems],
    refusals: parts.flatMap(({ refusals }) => refusals),
  };
}

/** The parsed form of an export, by way of its text. */
function exported(observed: ObservedServer): AccessDocument {
  return documentOf(JSON.parse(JSON.stringify(exportDocument(observed).document)));
}

const NOTHING = { changes: [], problems: [], refusals: [] };

describe('an export of any server', () => {
  test('is a document without problems whose plan is empty', OPTIONS, () => {
    fc.assert(
      fc.property(observedServers, (observed) => {
        const document = exported(observed);
        expect(checkDocument(document, observed)).toEqual([]);
        expect(planOf(document, observed)).toEqual(NOTHING);
      }),
      { numRuns: 200 },
    );
  });

  test('has the same text whatever order the catalogs were read in', OPTIONS, () => {
    fc.assert(
      fc.property(observedServers, (observed) => {
        const reversed = reversedServer(observed);
        expect(JSON.stringify(exportDocument(reversed).document)).toBe(
          JSON.stringify(exportDocument(observed).document),
        );
      }),
      { numRuns: 100 },
    );
  });

  test('notices a grant to a role that was not there', OPTIONS, () => {
    fc.assert(
      fc.property(observedServers, fc.nat(), (observed, choice) => {
        const grantee = { ...observed, roles: new Map([...observed.roles, ['newcomer', role('newcomer')]]) };
        const document = exported(grantee);
        const changed = withGrant(grantee, choice);
        expect(planOf(document, changed).changes).not.toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});

function reversedServer(observed: ObservedServer): ObservedServer {
  const reversedMap = <K, V>(map: ReadonlyMap<K, V>) => new Map([...map].toReversed());
  const databases = [...observed.databases].toReversed().map(([name, one]): [string, typeof one] => {
    if (one.contents === undefined) return [name, one];
    const objects = one.contents.objects.toReversed().map((object) => ({
      ...object,
      acl: object.acl.toReversed(),
      ...(object.columns && { columns: reversedMap(object.columns) }),
    }));
    const defaults = one.contents.defaults.toReversed().map((row) => ({ ...row, acl: row.acl.toReversed() }));
    return [name, { ...one, acl: one.acl.toReversed(), contents: { objects, defaults } }];
  });
  return {
    ...observed,
    roles: reversedMap(observed.roles),
    memberships: observed.memberships.toReversed(),
    settings: observed.settings.toReversed(),
    databases: new Map(databases),
  };
}

function withGrant(observed: ObservedServer, choice: number): ObservedServer {
  const shop = observed.databases.get('shop');
  if (shop?.contents === undefined) throw new Error('the arbitrary has no contents');
  const { objects } = shop.contents;
  const chosen = objects[choice % objects.length];
  const grant = (acl: readonly AclEntry[], owner: string) => [
    ...acl,
    { ...entry('newcomer', owner, []), privileges: 1 << 8 },
  ];
  const contents = {
    ...shop.contents,
    objects: objects.map((object) =>
      object === chosen ? { ...object, acl: grant(object.acl, object.owner) } : object,
    ),
  };
  return { ...observed, databases: new Map([...observed.databases, ['shop', { ...shop, contents }]]) };
}

const table = (name: string, acl: AclEntry[], more: Partial<ObservedObject> = {}): ObservedObject => ({
  kind: 'table',
  schema: 'app',
  name,
  oid: 1,
  owner: 'app_owner',
  acl: [entry('app_owner', 'app_owner', ['SELECT', 'INSERT']), ...acl],
  ...more,
});

describe('the export', () => {
  const read = [entry('reporting', 'app_owner', ['SELECT']), entry('alice', 'bob', ['SELECT'])];
  const observed = server({
    versionNum: 170_000,
    superuser: false,
    roles: [
      role('app_owner', {}, 'owns the app'),
      role('alice', { login: true, inherit: false, connectionLimit: 5, validUntil: '2027-01-01T00:00:00Z' }),
      role('reporting', {}, 'pgsteward installation=1 shared'),
      role('Bob', { superuser: true, validUntil: '-infinity' }),
      role('PUBLIC'),
    ],
    memberships: [
      { role: 'reporting', member: 'alice', grantor: 'postgres', admin: false, inherit: true, set: false },
      { role: 'reporting', member: 'alice', grantor: 'Bob', admin: true, inherit: false, set: true },
      { role: 'reporting', member: 'app_owner', grantor: 'Bob', admin: false, inherit: true, set: true },
      { role: 'reporting', member: 'steward', grantor: 'postgres', admin: true, inherit: false, set: false },
      {
        role: 'pg_execute_server_program',
        member: 'Bob',
        grantor: 'postgres',
        admin: false,
        inherit: false,
        set: true,
      },
      { role: 'PUBLIC', member: 'app_owner', grantor: 'postgres', admin: false, inherit: true, set: true },
    ],
    settings: [
      { role: 'alice', database: 'shop', name: 'work_mem', value: '64MB' },
      { role: 'alice', database: null, name: 'TimeZone', value: 'UTC' },
      { role: 'reporting', database: null, name: 'shared_buffers', value: '1' },
    ],
    databases: [
      database('shop', {
        owner: 'app_owner',
        contents: {
          objects: [
            table('b', read),
            table('a', read.toReversed()),
            table('c', [entry('reporting', 'app_owner', ['SELECT', 'INSERT'], ['INSERT'])], {
              columns: new Map([
                ['y', [entry('alice', 'app_owner', ['UPDATE'])]],
                ['x', [entry('alice', 'app_owner', ['UPDATE']), entry('app_owner', 'app_owner', ['UPDATE'])]],
              ]),
            }),
            {
              kind: 'routine',
              schema: 'app',
              name: 'pay',
              args: 'integer',
              oid: 2,
              owner: 'app_owner',
              acl: [entry(PUBLIC, 'app_owner', ['EXECUTE'])],
            },
            {
              kind: 'routine',
              schema: 'app',
              name: 'odd(',
              args: '',
              oid: 3,
              owner: 'app_owner',
              acl: [entry('Bob', 'app_owner', ['EXECUTE'])],
            },
            {
              kind: 'schema',
              schema: null,
              name: 'app',
              oid: 4,
              owner: 'app_owner',
              acl: [entry('reporting', 'app_owner', ['USAGE'])],
            },
            {
              kind: 'routine',
              schema: 'pg_catalog',
              name: 'now',
              args: '',
              oid: 5,
              owner: 'postgres',
              acl: [entry(PUBLIC, 'postgres', ['EXECUTE']), entry('alice', 'postgres', ['EXECUTE'])],
            },
          ],
          defaults: [
            { creator: 'app_owner', schema: 'app', on: 'table', acl: [entry('reporting', 'app_owner', ['SELECT'])] },
            { creator: 'app_owner', schema: 'app', on: 'routine', acl: [entry('alice', 'app_owner', ['EXECUTE'])] },
            { creator: 'alice', schema: null, on: 'routine', acl: [entry('alice', 'alice', ['EXECUTE'])] },
          ],
        },
      }),
      database('unread'),
      database('template1', { isTemplate: true }),
      database('closed', { allowConnections: false }),
    ],
  });
  const { document, notes } = exportDocument(observed);

  test('has roles with all attributes, groups per grantor as one, and no mark of the control plane', () => {
    const plain = {
      superuser: false,
      createdb: false,
      createrole: false,
      inherit: true,
      replication: false,
      bypassrls: false,
      connection_limit: -1,
    };
    const endless = { ...plain, valid_until: null };
    expect(document.allow).toEqual(['superuser', 'server_access', 'legacy_names']);
    expect(document.roles).toEqual([
      {
        ...plain,
        name: 'Bob',
        login: false,
        superuser: true,
        member_of: [{ role: 'pg_execute_server_program', inherit: false }],
        members: [],
        settings: [],
      },
      {
        ...plain,
        name: 'alice',
        login: true,
        inherit: false,
        connection_limit: 5,
        valid_until: '2027-01-01T00:00:00Z',
        member_of: [{ role: 'reporting', admin: true }],
        members: [],
        settings: [
          { name: 'TimeZone', value: 'UTC' },
          { name: 'work_mem', value: '64MB', database: 'shop' },
        ],
      },
      { ...endless, name: 'app_owner', login: false, comment: 'owns the app', members: [], settings: [] },
      { ...endless, name: 'postgres', login: true, superuser: true, member_of: [], members: [], settings: [] },
      {
        ...endless,
        name: 'reporting',
        login: false,
        member_of: [],
        members: [{ member: 'alice', admin: true }, 'app_owner'],
      },
    ]);
  });

  test('groups objects with the same rights, without those of owners, with those of PUBLIC', () => {
    expect(document.databases?.[0]).toEqual({
      name: 'shop',
      owner: 'app_owner',
      exact_grantees: ['PUBLIC', 'alice', 'app_owner', 'postgres', 'reporting', 'steward'],
      grants: [
        { on: { kind: 'database' }, privileges: ['TEMPORARY', 'CONNECT'], to: ['PUBLIC'] },
        { on: { kind: 'database' }, privileges: ['CREATE', 'TEMPORARY', 'CONNECT'], to: ['postgres'] },
        { on: { kind: 'schema', names: ['app'] }, privileges: ['USAGE'], to: ['reporting'] },
        { on: { kind: 'table', schema: 'app', names: ['a', 'b'] }, privileges: ['SELECT'], to: ['alice', 'reporting'] },
        {
          on: { kind: 'table', schema: 'app', names: ['c'] },
          privileges: ['INSERT'],
          to: ['reporting'],
          grant_option: true,
        },
        { on: { kind: 'table', schema: 'app', names: ['c'] }, privileges: ['SELECT'], to: ['reporting'] },
        {
          on: { kind: 'table', schema: 'app', names: ['c'] },
          privileges: ['UPDATE'],
          columns: ['x', 'y'],
          to: ['alice'],
        },
        { on: { kind: 'routine', schema: 'app', names: ['pay(integer)'] }, privileges: ['EXECUTE'], to: ['PUBLIC'] },
        { on: { kind: 'routine', schema: 'pg_catalog', names: ['now()'] }, privileges: ['EXECUTE'], to: ['alice'] },
      ],
      default_privileges: [
        { creator: 'alice', on: 'routine', privileges: ['EXECUTE'], to: ['PUBLIC'], absent: true },
        { creator: 'app_owner', schema: 'app', on: 'table', privileges: ['SELECT'], to: ['reporting'] },
        { creator: 'app_owner', on: 'routine', privileges: ['EXECUTE'], to: ['PUBLIC'] },
        { creator: 'app_owner', schema: 'app', on: 'routine', privileges: ['EXECUTE'], to: ['alice'] },
      ],
    });
    expect(document.databases?.slice(1)).toEqual([{ name: 'unread', owner: 'postgres' }]);
  });

  test('says what it leaves out', () => {
    expect(notes).toEqual([
      'role "PUBLIC" is left out: a document cannot name it',
      'role "Bob": valid_until is left out: -infinity cannot be written',
      'role "app_owner": its groups are left out: a document cannot name all',
      'role "reporting": its settings are left out: a document cannot name all',
      'database closed is left out: it does not allow connections',
      'database shop: privileges on routine app.odd(() are left out: a document cannot name it',
      'database shop: privileges of Bob are not exact: some of them are left out',
      'database unread: its privileges are left out: its contents were not read',
    ]);
  });

  test('holds only the databases that are asked for', () => {
    const some = exportDocument(observed, { databases: ['unread', 'template1', 'gone', 'unread'] });
    expect(some.document.databases?.map(({ name }) => name)).toEqual(['template1', 'unread']);
    expect(some.notes).toContain('database gone is left out: it does not exist');
  });

  test('leaves the options of memberships out before 16', () => {
    const old = exportDocument({
      ...observed,
      versionNum: 150_000,
      memberships: [
        { role: 'reporting', member: 'alice', grantor: 'postgres', admin: false, inherit: false, set: true },
      ],
    });
    expect(old.document.roles?.find(({ name }) => name === 'alice')?.member_of).toEqual(['reporting']);
  });

  test('of a server that is too large to be submitted says so', () => {
    const names = Array.from({ length: 20_001 }, (_, index) => `role_${index}`);
    const large = exportDocument(server({ roles: names.map((name) => role(name)) }));
    expect(large.notes).toEqual([
      'the document is too large to be submitted: it must not have more than 100000 values; take databases one by one',
    ]);
  });
});
