import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { writeServiceDirectory } from '../../../activities/host/service-directory.ts';
import { bundleChange } from '../../../domain/postgrest/changes.ts';
import { renderServiceFiles } from '../../../domain/postgrest/service-files.ts';
import type { ServiceBundle } from '../../../domain/services.ts';
import { signToken } from '../../e2e/support/rest.ts';
import { startDatabase, type TestDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost, type TestHost } from './support/host.ts';
import { call } from './support/http.ts';

/** Ports of this file alone. */
const DATABASE_PORT = 15_570;
const PORT = 15_572;
const SECRET = 'a secret of at least thirty-two bytes';

let database: TestDatabase;
let directory: Awaited<ReturnType<typeof makeDirectory>>;
let host: TestHost;
let bundle: ServiceBundle;

beforeAll(async () => {
  database = await startDatabase({ port: DATABASE_PORT });
  await database.run(
    'CREATE ROLE writer NOLOGIN',
    'CREATE ROLE other_anon NOLOGIN',
    'GRANT writer, other_anon TO app',
    'GRANT USAGE ON SCHEMA api TO writer, other_anon',
    'INSERT INTO api.products VALUES (2), (3)',
    'CREATE SCHEMA reports',
    'GRANT USAGE ON SCHEMA reports TO web_anon',
    'CREATE FUNCTION reports.total() RETURNS int LANGUAGE sql AS $$SELECT 7$$',
    'CREATE FUNCTION api.who() RETURNS text LANGUAGE sql AS $$SELECT current_user::text$$',
    `CREATE FUNCTION api.listening() RETURNS text LANGUAGE sql SECURITY DEFINER AS
      $$SELECT string_agg(query, ', ') FROM pg_stat_activity WHERE usename = 'app' AND query ILIKE 'listen %'$$`,
    "CREATE FUNCTION api.name() RETURNS text LANGUAGE sql AS $$SELECT current_setting('application_name')$$",
  );
}, 60_000);
afterAll(() => database.stop(), 30_000);

beforeEach(async () => {
  directory = await makeDirectory();
  host = await startHost({ kind: 'process', installationId: newInstallationId(), dataDir: directory.path });
  const example = host.bundle(database, { port: PORT });
  bundle = { ...example, secrets: { ...example.secrets, jwtSecret: SECRET } };
  await host.activities.startService(await host.startInput(bundle));
  await host.activities.awaitService({ ...bundle, timeoutMs: 30_000 });
}, 60_000);
afterEach(async () => {
  await host.activities.removeService(bundle);
  await host.close();
  await directory.remove();
}, 30_000);

type Changed = Partial<Pick<ServiceBundle, 'settings' | 'connection' | 'secrets'>>;
const settings = (changes: Partial<ServiceBundle['settings']>): Changed => ({
  settings: { ...bundle.settings, ...changes },
});

/** Writes the files of the changed bundle below the running process and reloads it, as its admin side does. */
async function apply(changes: Changed): Promise<void> {
  const next = { ...bundle, ...changes };
  const conf = host.context.records.directory(bundle.instanceId, 'conf');
  const view = host.context.runtime.view({ directory: conf, address: bundle.address, port: bundle.port });
  await writeServiceDirectory(conf, renderServiceFiles(next, view), host.context.runtime.fileOwner);
  expect((await call(PORT + 1, '/notify-reload', { method: 'POST' })).status).toBe(200);
}

const planned = (changes: Changed) => bundleChange(bundle, { ...bundle, ...changes }).action;
const pidOf = async () => (await host.context.runtime.inspect(bundle.instanceId))?.containerId;
const rows = async () => JSON.parse((await call(PORT, '/products')).text).length;
const who = async (claims: object, secret = SECRET) =>
  call(PORT, '/rpc/who', { headers: { authorization: `Bearer ${signToken({ ...claims }, secret)}` } });

describe('what the plan calls a reload takes effect in the same process', { timeout: 60_000 }, () => {
  /** Change, what is seen of it, and what that is before and after. */
  const CHANGES: [
    what: string,
    changes: () => Changed,
    look: () => Promise<unknown>,
    before: unknown,
    after: unknown,
  ][] = [
    ['rows', () => settings({ maxRows: 2 }), rows, 3, 2],
    [
      'anonymous role',
      () => settings({ anonymousRole: 'other_anon' }),
      async () => (await call(PORT, '/rpc/who')).text,
      '"web_anon"',
      '"other_anon"',
    ],
    [
      'schemas, their functions included',
      () => settings({ schemas: ['api', 'reports'] }),
      async () => (await call(PORT, '/rpc/total', { headers: { 'accept-profile': 'reports' } })).status,
      406,
      200,
    ],
    [
      'JWT secret',
      () => ({ secrets: { ...bundle.secrets, jwtSecret: `another ${SECRET}` } }),
      async () => (await who({ role: 'writer' }, `another ${SECRET}`)).status,
      401,
      200,
    ],
    ['audience', () => settings({ jwtAudience: 'shop' }), async () => (await who({ aud: 'else' })).status, 200, 401],
    [
      'claim key',
      () => settings({ jwtRoleClaimKey: '$.realm.roles[1]' }),
      async () => (await who({ role: 'other_anon', realm: { roles: ['none', 'writer'] } })).text,
      '"other_anon"',
      '"writer"',
    ],
  ];

  test.each(CHANGES)('%s', async (_what, changes, look, before, after) => {
    const pid = await pidOf();
    expect(planned(changes())).toBe('reload');
    expect(await look()).toEqual(before);
    await apply(changes());
    expect(await look()).toEqual(after);
    expect(await pidOf()).toBe(pid);
  });

  test('password, also for connections that are opened later', async () => {
    const pid = await pidOf();
    const changed = { secrets: { ...bundle.secrets, password: 'another @ "password"' } };
    expect(planned(changed)).toBe('reload');
    try {
      await database.run(`ALTER ROLE app PASSWORD 'another @ "password"'`);
      await apply(changed);
      await database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
      await expect.poll(async () => (await call(PORT, '/products')).status, { timeout: 20_000 }).toBe(200);
      expect(await pidOf()).toBe(pid);
    } finally {
      await database.run(`ALTER ROLE app PASSWORD '${bundle.secrets.password}'`);
    }
  });
});

describe('what the plan calls a replacement is not seen by the running process', { timeout: 60_000 }, () => {
  const CHANGES: [what: string, changes: () => Changed, look: () => Promise<unknown>][] = [
    [
      'origins',
      () => settings({ corsAllowedOrigins: 'https://shop.example' }),
      async () =>
        (await call(PORT, '/products', { headers: { origin: 'https://shop.example' } })).headers.get(
          'access-control-allow-origin',
        ),
    ],
    [
      'connection',
      () => ({ connection: { ...bundle.connection, applicationName: 'another name' } }),
      async () => (await call(PORT, '/rpc/name')).text,
    ],
    [
      'channel, which the manual calls reloadable',
      () => settings({ channel: 'another-channel' }),
      async () => (await call(PORT, '/rpc/listening')).text,
    ],
  ];

  test.each(CHANGES)('%s', async (_what, changes, look) => {
    expect(planned(changes())).toBe('replace');
    const before = await look();
    await apply(changes());
    expect(await look()).toEqual(before);
    await host.context.runtime.stop(bundle.instanceId, { graceMs: 5_000 });
    await host.context.runtime.startAgain(bundle.instanceId);
    await host.activities.awaitService({ ...bundle, timeoutMs: 30_000 });
    expect(await look()).not.toEqual(before);
  });
});
