import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../support/follow.ts';
import { freePort } from '../support/ports.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { databaseIs, databaseIsGone, rowsOf } from './support/follow-api.ts';
import { killProcessesBelow } from './support/processes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COMMANDS = ['api', 'worker', 'host'] as const;
type Command = (typeof COMMANDS)[number];
/** What each of them logs when it is there. */
const READY: Record<Command, string> = {
  api: 'API listens',
  worker: 'control worker takes work',
  host: 'host worker takes work',
};
const SCRIPTS = {
  post_database_create: ['CREATE TABLE products (id int)', 'INSERT INTO products VALUES (1)'],
};

interface Running {
  child: ChildProcess;
  log: () => string;
}

let stack: TestStack;
let apiUrl: string;
let env: NodeJS.ProcessEnv;
const running = new Map<Command, Running>();

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  const apiPort = await freePort();
  apiUrl = `http://127.0.0.1:${apiPort}`;
  const { host, port, user, database, password } = stack.metadata;
  const passwordFile = join(stack.config.home, 'metadata.password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  env = {
    ...process.env,
    PGSTEWARD_HOME: stack.config.home,
    PGSTEWARD_PORT: String(apiPort),
    PGSTEWARD_RUNTIME: 'process',
    PGSTEWARD_METADATA_URL: `postgres://${user}@${host}:${port}/${database}`,
    PGSTEWARD_METADATA_PASSWORD_FILE: passwordFile,
    TEMPORAL_ADDRESS: stack.config.temporal.server.kind === 'existing' ? stack.config.temporal.server.address : '',
    TEMPORAL_NAMESPACE: stack.config.temporal.namespace,
  };
  for (const command of COMMANDS) start(command);
  for (const command of COMMANDS) await says(command);
});

afterAll(async () => {
  for (const { child } of running.values()) child.kill('SIGKILL');
  await stack?.stop();
  // A service that a test did not come to delete.
  await killProcessesBelow(stack.config.home);
});

it('API, control worker and host worker as three processes make a database and its service', async () => {
  const request = seedRequest({ port: stack.port(), scripts: SCRIPTS });
  const response = await fetch(`${apiUrl}/v1/databases`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  expect(response.status).toBe(200);
  await databaseIs(apiUrl, request.id, 'available');
  expect(await rowsOf(`http://127.0.0.1:${stack.port()}/products`)).toEqual([{ id: 1 }]);
  expect((await fetch(`${apiUrl}/readyz`)).status).toBe(200);
});

it('the API wants a token for servers, and one that is lost is made anew by whoever has its settings', async () => {
  const file = join(stack.config.home, 'admin-token');
  const before = await readFile(file, 'utf8');
  const child = spawn(process.execPath, ['scripts/start.mjs', 'admin-token'], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  expect(await once(child, 'close')).toEqual([0, null]);
  const token = (await readFile(file, 'utf8')).trim();
  expect(token).not.toBe(before.trim());
  expect(said).toContain(`the token is in ${file}`);
  expect(said).not.toContain(token);
  const servers = (headers: Record<string, string>) => fetch(`${apiUrl}/v1/servers`, { headers });
  expect((await servers({})).status).toBe(401);
  expect((await servers({ Authorization: `Bearer ${token}` })).status).toBe(200);
});

it('a host worker that is asked to end does so, and its services go on', async () => {
  expect(await terminate('host')).toBe(0);
  expect(await rowsOf(`http://127.0.0.1:${stack.port()}/products`)).toEqual([{ id: 1 }]);
});

it('a host worker that starts again takes its services over, and can remove them', async () => {
  start('host');
  await says('host');
  await fetch(`${apiUrl}/v1/databases/storefront`, { method: 'DELETE' });
  await databaseIsGone(apiUrl, 'storefront');
  await expect(fetch(`http://127.0.0.1:${stack.port()}/products`)).rejects.toThrow();
});

it('each of them ends in order when it is asked to', async () => {
  for (const command of COMMANDS) expect(await terminate(command)).toBe(0);
});

function start(command: Command): void {
  const child = spawn(process.execPath, ['scripts/start.mjs', command], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  running.set(command, { child, log: () => log });
}

async function says(command: Command): Promise<void> {
  await until(async () => {
    const { child, log } = find(command);
    if (log().includes(READY[command])) return true;
    if (child.exitCode !== null) throw new Error(`${command} ended: ${log()}`);
    return undefined;
  }, 90_000);
}

/** Asks a process to end, as whoever supervises it does. @returns its exit code */
async function terminate(command: Command): Promise<number | null> {
  const { child } = find(command);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
  return child.exitCode;
}

function find(command: Command): Running {
  const found = running.get(command);
  if (found === undefined) throw new Error(`${command} was never started`);
  return found;
}
