import { createHmac } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDatabase, type TestDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost, type TestHost } from './support/host.ts';
import { call } from './support/http.ts';

const DATABASE_PORT = 15_550;
const PORT = 15_552;

let database: TestDatabase;
let directory: Awaited<ReturnType<typeof makeDirectory>>;
let host: TestHost;

beforeAll(async () => {
  database = await startDatabase({ port: DATABASE_PORT });
  directory = await makeDirectory();
  host = await startHost({ kind: 'process', installationId: newInstallationId(), dataDir: directory.path });
  await database.run('CREATE ROLE writer NOLOGIN', 'GRANT writer TO app', 'GRANT USAGE ON SCHEMA api TO writer');
}, 60_000);

afterAll(async () => {
  await host.close();
  await database.stop();
  await directory.remove();
}, 30_000);

async function withService<T>(
  changes: { password: string; user?: string; jwtSecret?: string; schema?: string },
  use: () => Promise<T>,
): Promise<T> {
  const { password, user = 'app', jwtSecret, schema = 'api' } = changes;
  const example = host.bundle(database, { port: PORT });
  const bundle = {
    ...example,
    settings: { ...example.settings, schemas: [schema] },
    connection: { ...example.connection, user },
    secrets: { password, ...(jwtSecret !== undefined && { jwtSecret }) },
  };
  await host.activities.startService(await host.startInput(bundle));
  try {
    await host.activities.awaitService({ ...bundle, timeoutMs: 20_000 });
    return await use();
  } finally {
    await host.activities.removeService(bundle);
  }
}

test.each([
  ['every delimiter', 'p@ss:w/or"d\\$(HOME)%é'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: exactly this text is what must not be interpolated
  ['interpolations', '$$$(PATH)${X}'],
  ['quotes and outer spaces', ' spaces "and" \'quotes\' '],
  ['an at sign in front', '@first'],
  ['URI syntax', '#?&=+[]{}%20'],
  ['tabs and backslashes', 'tab\tand \\" backslash\\'],
  ['other scripts and emoji', '密码🔑'],
  ['five hundred characters', 'x'.repeat(500)],
])('a password with %s logs in', { timeout: 60_000 }, async (_what, password) => {
  await database.run(`ALTER ROLE app PASSWORD ${pg.escapeLiteral(password)}`);
  const answer = await withService({ password }, () => call(PORT, '/products'));
  expect(answer.status).toBe(200);
});

test('a role and a schema with quotes, dollars and umlauts in their names work', { timeout: 60_000 }, async () => {
  const [user, schema] = ['Zoë:"$(HOME)"@x', 'Größe "$x"'];
  const [role, namespace] = [pg.escapeIdentifier(user), pg.escapeIdentifier(schema)];
  await database.run(
    `CREATE ROLE ${role} LOGIN NOINHERIT PASSWORD 'simple'`,
    `GRANT web_anon TO ${role}`,
    `CREATE SCHEMA ${namespace}`,
    `CREATE TABLE ${namespace}.things AS SELECT 7 AS id`,
    `GRANT USAGE ON SCHEMA ${namespace} TO web_anon`,
    `GRANT SELECT ON ${namespace}.things TO web_anon`,
  );
  const answer = await withService({ password: 'simple', user, schema }, () => call(PORT, '/things'));
  expect(answer).toMatchObject({ status: 200, text: '[{"id":7}]' });
});

test.each([
  ['an at sign in front', '@looks-like-a-file-name-but-is-a-secret'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: exactly this text is what must not be interpolated
  ['dollars and quotes', 'dollars $(HOME) ${X} and "quotes" in a secret'],
  ['a line feed at its end', 'a secret that ends in a line feed ------\n'],
  ['umlauts and emoji', 'ein Geheimnis mit Umläuten: äöüß und 🔑'],
])('tokens of a JWT secret with %s are accepted, others refused', { timeout: 60_000 }, async (_what, jwtSecret) => {
  await database.run("ALTER ROLE app PASSWORD 'simple'");
  const answers = await withService({ password: 'simple', jwtSecret }, async () => [
    await call(PORT, '/', { headers: { authorization: `Bearer ${token('writer', jwtSecret)}` } }),
    await call(PORT, '/', { headers: { authorization: `Bearer ${token('writer', `${jwtSecret}x`)}` } }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([200, 401]);
});

test('no CORS header is sent unless origins are configured', { timeout: 60_000 }, async () => {
  await database.run("ALTER ROLE app PASSWORD 'simple'");
  const headers = { origin: 'https://shop.example' };
  const answer = await withService({ password: 'simple' }, () => call(PORT, '/products', { headers }));
  expect(answer.headers.get('access-control-allow-origin')).toBeNull();
});

function token(role: string, secret: string): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ role })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
