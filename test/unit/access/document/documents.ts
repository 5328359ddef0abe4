import { parseDocument } from '../../../../domain/access/document/parse.ts';
import type { AccessDocument } from '../../../../domain/access/document.ts';

/** A verifier of the right form; of no password that anybody knows. */
export const VERIFIER = `SCRAM-SHA-256$4096:${'A'.repeat(22)}==$${'A'.repeat(43)}=:${'A'.repeat(43)}=`;

/** `path: message` of every problem; empty for a document that is accepted. */
export function problemsOf(submitted: unknown): string[] {
  const parsed = parseDocument(submitted);
  return parsed.ok ? [] : parsed.problems.map(({ path, message }) => `${path}: ${message}`);
}

/** The parsed form of a document without problems. */
export function documentOf(submitted: unknown, passwordRoles: ReadonlySet<string> = new Set()): AccessDocument {
  const parsed = parseDocument(submitted, { passwordRoles });
  if (!parsed.ok) throw new Error(parsed.problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  return parsed.document;
}

/** A grant that is right, with some members changed. */
export function grant(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    on: { kind: 'table', schema: 'app', names: ['orders'] },
    privileges: ['SELECT'],
    to: ['reporting'],
    ...change,
  };
}

/** A document with these grants in one database. */
export function grants(...entries: unknown[]): unknown {
  return { databases: [{ name: 'shop', grants: entries }] };
}

/** Every member that a document can have. */
export const FULL_DOCUMENT = {
  allow: ['superuser', 'server_access', 'legacy_names', 'cascade'],
  roles: [
    {
      name: 'reporting',
      login: false,
      superuser: false,
      createdb: false,
      createrole: false,
      inherit: true,
      replication: false,
      bypassrls: false,
      connection_limit: 20,
      valid_until: '2027-01-01T01:30:00.25+01:30',
      comment: 'reads\neverything',
      verifier: VERIFIER,
      member_of: ['readers', { role: 'writers', admin: true, inherit: false, set: true }],
      members: ['alice', { member: 'bob', admin: true }],
      settings: [
        { name: 'search_path', value: 'app, public', database: 'shop' },
        { name: 'work_mem', value: '64MB' },
      ],
      adopt: true,
    },
    { name: 'carol', login: true, password: 'correct horse', valid_until: null, settings: [] },
    { name: 'Ünïcode role', valid_until: 'infinity', connection_limit: -1 },
  ],
  memberships: [
    { role: 'staff', member: 'carol', admin: false, inherit: true, set: true, absent: false },
    { role: 'staff', member: 'dave', absent: true },
  ],
  settings: [
    { role: 'dave', name: 'app.tenant', value: '7', database: 'shop' },
    { role: 'dave', name: 'DateStyle', value: null },
  ],
  databases: [
    {
      name: 'shop',
      owner: 'shop_owner',
      exact_grantees: ['reporting', 'public', 'PUBLIC'],
      grants: [
        { on: { kind: 'database' }, privileges: ['connect', 'Temp'], to: ['reporting', 'Public'] },
        { on: { kind: 'schema', names: ['app'] }, privileges: 'all privileges', to: ['reporting'], grant_option: true },
        {
          on: { kind: 'table', schema: 'app', all: true },
          privileges: ['SELECT', 'MAINTAIN', 'select'],
          to: ['reporting'],
          later: ['app_owner', 'app_owner'],
        },
        {
          on: { kind: 'table', schema: 'app', names: ['cards', 'cards'] },
          privileges: ['UPDATE'],
          columns: ['name'],
          to: ['carol'],
        },
        { on: { kind: 'routine', schema: 'app', names: ['pay(integer, text)'] }, privileges: 'ALL', to: ['carol'] },
        { on: { kind: 'language', names: ['plpgsql'] }, privileges: ['USAGE'], to: ['carol'] },
      ],
      revokes: [
        { on: { kind: 'table', schema: 'app', names: ['orders'] }, privileges: ['DELETE'], from: ['PUBLIC', 'carol'] },
        {
          on: { kind: 'schema', names: ['app'] },
          privileges: ['USAGE'],
          from: ['carol'],
          grant_option: true,
        },
      ],
      default_privileges: [
        { creator: 'app_owner', schema: 'app', on: 'table', privileges: ['INSERT'], to: ['carol'], grant_option: true },
        { creator: 'app_owner', on: 'schema', privileges: 'ALL', to: ['carol'] },
        { creator: 'app_owner', on: 'routine', privileges: ['EXECUTE'], to: ['PUBLIC'], absent: true },
      ],
      owners: [{ on: { kind: 'table', schema: 'app', names: ['orders'] }, owner: 'app_owner' }],
    },
  ],
};
