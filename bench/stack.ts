import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Config } from '../platform/config/config.ts';
import { readConfig } from '../platform/config/read-config.ts';
import { createLogger } from '../platform/log.ts';
import { createReport } from '../worker/dev/report.ts';
import { startDevStack } from '../worker/dev/stack.ts';

/** The stack of `npm start`, on ports and state of its own. */
export interface BenchStack {
  config: Config;
  apiUrl: string;
  /** Headers of the account `admin`. */
  admin: Record<string, string>;
  /** Fetches JSON from the API. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  stop(): Promise<void>;
}

/** Starts a stack in a temporary directory; `stop` removes it with everything in it. */
export async function startBenchStack(env: Record<string, string>): Promise<BenchStack> {
  const home = await mkdtemp(join(tmpdir(), 'pgsteward-bench-'));
  await chmod(home, 0o755);
  const names = [
    'PGSTEWARD_PORT',
    'PGSTEWARD_METADATA_PORT',
    'PGSTEWARD_TARGET_PORT',
    'PGSTEWARD_TEMPORAL_PORT',
    'PGSTEWARD_TEMPORAL_UI_PORT',
    'PGSTEWARD_CODEC_PORT',
  ];
  const ports = await Promise.all(names.map(async (name) => [name, String(await freePort())] as const));
  const settings = { ...process.env, PGSTEWARD_HOME: home, ...Object.fromEntries(ports), ...env };
  const { config } = readConfig(settings);
  const log = createLogger({
    level: 'info',
    service: 'bench',
    destination: pino.destination({ dest: join(home, 'bench.log'), sync: true }),
  });
  const stack = await startDevStack({
    config,
    env: settings,
    log,
    report: createReport(() => undefined),
    signal: new AbortController().signal,
  });
  const admin = { authorization: `Bearer ${(await readFile(config.files.adminToken, 'utf8')).trim()}` };
  return {
    config,
    apiUrl: stack.apiUrl,
    admin,
    async call<T>(method: string, path: string, body?: unknown) {
      const response = await fetch(stack.apiUrl + path, {
        method,
        headers: { ...admin, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as T;
    },
    async stop() {
      await stack.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('not a TCP listener');
  return address.port;
}
