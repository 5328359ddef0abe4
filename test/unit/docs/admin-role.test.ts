import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { LOGGING_PARAMETERS, type ServerFacts } from '../../../domain/servers/probe.ts';
import { missingRights } from '../../../domain/servers/rights.ts';

const page = await readFile(new URL('../../../docs/production.md', import.meta.url), 'utf8');

/** An admin role that may do nothing. */
const facts: ServerFacts = {
  systemIdentifier: '1',
  versionNum: 180_000,
  admin: {
    name: 'steward',
    superuser: false,
    createrole: false,
    createdb: false,
    replication: false,
    bypassrls: false,
    connectionLimit: -1,
    signalsBackends: false,
    readsPasswords: false,
    unsettable: [...LOGGING_PARAMETERS],
    unadministered: { count: 0, names: [] },
  },
  limits: { maxConnections: 100, reserved: 3, inUse: 1 },
  passwords: { encryption: 'scram-sha-256', scramIterations: 4096, preloaded: null, extensions: [], settings: {} },
  marks: { roles: [], settings: [] },
};

test('docs/production.md gives the admin role every right that is required', () => {
  const required = missingRights(facts).filter((one) => one.required);
  expect(required.map(({ right }) => right)).toEqual(['CREATEROLE', 'CREATEDB', 'pg_signal_backend']);
  const created = /CREATE ROLE steward LOGIN (.*);/.exec(page)?.[1]?.split(' ') ?? [];
  expect(created).toEqual(expect.arrayContaining(['CREATEROLE', 'CREATEDB']));
  expect(page).toContain('GRANT pg_signal_backend TO steward WITH INHERIT TRUE;');
});

test('docs/production.md lists every other right with the statement that the probe shows', () => {
  const others = missingRights(facts).filter((one) => !one.required);
  expect(others.length).toBeGreaterThan(4);
  expect(others.filter(({ statement }) => !page.includes(`| \`${statement}\` |`))).toEqual([]);
});
