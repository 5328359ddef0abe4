import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { passwordChecks } from '../../../domain/servers/password-checks.ts';
import { missingRights } from '../../../domain/servers/rights.ts';
import { vendorOf } from '../../../domain/servers/vendors.ts';
import { serverWarnings } from '../../../domain/servers/warnings.ts';
import { scramVerifier } from '../../../platform/scram/verifier.ts';
import { probeServer } from '../../../platform/target/probe.ts';
import { createTargetServer, type TargetAddress } from '../../../platform/target/target-server.ts';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';

const session = { applicationName: 'test', doing: 'probing' };
const SETTLED = { tlsMode: 'verify-full', allowPlainTextPasswords: false } as const;

async function probe(address: TargetAddress) {
  const server = createTargetServer(address);
  try {
    const { probe: found, failure } = await probeServer(server, session);
    if (found.facts === null) throw failure ?? new Error('a probe without facts has a failure');
    return { ...found, facts: found.facts };
  } finally {
    await server.close();
  }
}

describe.each(testMajors())('a server of version %i', (major) => {
  let postgres: VersionedServer;
  const hasAdminOption = major >= 16;

  beforeAll(async () => {
    postgres = await startServerOf(major);
    await postgres.query(Array.from({ length: 25 }, (_, n) => `CREATE ROLE made_before_${n}`).join('; '));
    await postgres.query('CREATE ROLE holder; GRANT limited_admin TO holder');
  });
  afterAll(() => postgres.stop());

  test('says what it is and has, and a superuser lacks nothing', async () => {
    const { endpoints, facts } = await probe(postgres.address);
    expect(endpoints).toMatchObject([{ state: 'primary', systemIdentifier: facts.systemIdentifier }]);
    expect(Math.floor(facts.versionNum / 10_000)).toBe(major);
    expect(facts.admin).toMatchObject({ name: 'postgres', superuser: true, unsettable: [], readsPasswords: true });
    const [limits] = await postgres.query(
      `SELECT current_setting('max_connections')::int AS "maxConnections",
              current_setting('superuser_reserved_connections')::int
                + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved`,
    );
    expect(facts.limits).toMatchObject(limits ?? {});
    expect(facts.limits.inUse).toBeGreaterThanOrEqual(1);
    expect(facts.passwords).toMatchObject({ scramIterations: 4096, preloaded: [] });
    expect(missingRights(facts)).toEqual([]);
  });

  test('says what a limited admin may not do, and that CREATEROLE before 16 is nearly SUPERUSER', async () => {
    const { facts } = await probe(postgres.limited);
    expect(facts.admin).toMatchObject({
      name: 'limited_admin',
      superuser: false,
      createrole: true,
      createdb: true,
      signalsBackends: true,
      readsPasswords: false,
    });
    // Roles that somebody else made, without the one that has this role itself.
    expect(facts.admin.unadministered.count).toBe(hasAdminOption ? 25 : 0);
    expect(facts.admin.unadministered.names).toHaveLength(hasAdminOption ? 20 : 0);
    const lacks = missingRights(facts).map(({ right }) => right);
    expect(lacks).toEqual([
      ...(hasAdminOption ? ['ADMIN option on roles'] : []),
      'REPLICATION',
      'BYPASSRLS',
      'SELECT on pg_authid',
      'SET on logging parameters',
      'pg_read_all_settings',
    ]);
    expect(serverWarnings(facts, SETTLED).some((text) => /nearly SUPERUSER/.test(text))).toBe(!hasAdminOption);
  });

  test('gives every missing right by the statement that the probe shows', async () => {
    await postgres.query(
      `CREATE ROLE bare LOGIN CONNECTION LIMIT 2; SET password_encryption = 'scram-sha-256';
       ALTER ROLE bare PASSWORD 'secret-of-bare'`,
    );
    const address = { ...postgres.address, adminUser: 'bare', adminPassword: 'secret-of-bare' };
    const missing = missingRights((await probe(address)).facts);
    expect(missing.filter(({ required }) => required).map(({ right }) => right)).toEqual([
      'CREATEROLE',
      'CREATEDB',
      'pg_signal_backend',
      'connections',
    ]);
    // Before 16, or 15, some rights are a superuser's only: without those statements exactly these stay.
    const [forSuperuser, ordinary] = [true, false].map((only) =>
      missing.filter(({ statement }) => / SUPERUSER/.test(statement ?? '') === only),
    );
    for (const { statement } of ordinary ?? []) await postgres.query(statement ?? '');
    const left = missingRights((await probe(address)).facts).map(({ right }) => right);
    expect(left).toEqual((forSuperuser ?? []).map(({ right }) => right));
    expect(left).toEqual([
      ...(major < 16 ? ['REPLICATION', 'BYPASSRLS'] : []),
      ...(major < 15 ? ['SET on logging parameters'] : []),
    ]);
  });

  test('is known for a managed service by its roles, and its bootstrap SQL makes an admin role that lacks nothing required', async () => {
    expect(vendorOf((await probe(postgres.limited)).facts)).toBeUndefined();
    await postgres.query('CREATE ROLE rds_superuser');
    const { facts } = await probe(postgres.limited);
    const vendor = vendorOf({ ...facts, admin: { ...facts.admin, name: 'new "admin"' } });
    expect(vendor).toMatchObject({ id: 'rds', name: 'Amazon RDS or Aurora' });
    const sql = vendor?.bootstrap.replace('<SCRAM verifier or password>', 'secret-of-new') ?? '';
    await postgres.query(`SET password_encryption = 'scram-sha-256'; ${sql}`);
    const made = await probe({ ...postgres.address, adminUser: 'new "admin"', adminPassword: 'secret-of-new' });
    expect(missingRights(made.facts).filter(({ required }) => required)).toEqual([]);
  });
});

test('a server whose libraries judge passwords says which, where the admin role may see it', async () => {
  const postgres = await startServerOf(18, { settings: { shared_preload_libraries: '$libdir/passwordcheck' } });
  try {
    const { facts } = await probe(postgres.address);
    expect(passwordChecks(facts)).toEqual([{ name: 'passwordcheck', refusesVerifiers: false }]);
    // It tells by its own parameter even a role that may not see the list of libraries.
    const seen = (await probe(postgres.limited)).facts;
    expect(seen.passwords.preloaded).toBeNull();
    expect(passwordChecks(seen)).toEqual([{ name: 'passwordcheck', refusesVerifiers: false }]);
    await expect(postgres.query(`CREATE ROLE weak PASSWORD 'short'`)).rejects.toThrow(/password is too short/);
    const verifier = await scramVerifier({ password: 'short', iterations: 4096 });
    await postgres.query(`CREATE ROLE hashed PASSWORD '${verifier}'`);
  } finally {
    await postgres.stop();
  }
});
