import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Superuser } from './connection.ts';

const run = promisify(execFile);

/** As its authors run it: the packages that `pip install flask psycopg2-binary` gives, at fixed versions. */
const PACKAGES = ['flask==3.1.3', 'psycopg2-binary==2.9.13'];
const APP = fileURLToPath(new URL('stand-in/app.py', import.meta.url));
const API_USER = 'pgadmin';
const API_PASSWORD = 'bench';
const START_MS = 15_000;

/** A Flask application that creates users the way pg-user-api does. */
export interface StandIn {
  url: string;
  headers: Record<string, string>;
  /** Versions of what it runs on, for the report. */
  description: string;
  /** Rows in its audit log. */
  auditRows(): Promise<number>;
  stop(): Promise<void>;
}

/** @param options.directory for its packages, its registry and its log; removed by whoever made it */
export async function startStandIn(options: {
  directory: string;
  superuser: Superuser;
  caFile: string;
  database: string;
}): Promise<StandIn> {
  const { directory, superuser, caFile, database } = options;
  const python = await pythonWithFlask(directory);
  const registry = join(directory, 'pg_registry.db');
  const log = await open(join(directory, 'stand-in.log'), 'w');
  const child = spawn(python, [APP], {
    cwd: directory,
    stdio: ['pipe', 'pipe', log.fd],
    env: {
      PATH: process.env.PATH,
      DATABASE: database,
      REGISTRY_FILE: registry,
      PG_HOST: superuser.host,
      PG_PORT: String(superuser.port),
      PG_ADMIN_USER: superuser.user,
      PG_ADMIN_PASS: superuser.password,
      PG_CA_FILE: caFile,
      PG_API_USER: API_USER,
      PG_API_PASS: API_PASSWORD,
    },
  });
  const gone = once(child, 'exit');
  await log.close();
  const { stdout } = child;
  if (stdout === null) throw new Error('the stand-in has no output to read its port from');
  const stop = async () => {
    child.kill('SIGKILL');
    await gone;
  };
  let url: string;
  try {
    const [output] = (await once(stdout, 'data')) as [Buffer];
    // The port stands first; Flask's own words may come with it.
    url = `http://127.0.0.1:${Number.parseInt(output.toString(), 10)}`;
    await firstAnswer(url);
  } catch (error) {
    await stop();
    throw error;
  }
  stdout.resume();
  return {
    url,
    headers: { authorization: `Basic ${Buffer.from(`${API_USER}:${API_PASSWORD}`).toString('base64')}` },
    description: await versions(python),
    auditRows: () => countAuditRows(python, registry),
    stop,
  };
}

/** A virtual environment; where there can be none, Python's own packages if they are there. */
async function pythonWithFlask(directory: string): Promise<string> {
  const environment = join(directory, 'venv');
  const python = join(environment, 'bin', 'python');
  try {
    await run('python3', ['-m', 'venv', environment]);
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES]);
    return python;
  } catch (error) {
    const installed = await versions('python3').then(
      () => true,
      () => false,
    );
    if (installed) return 'python3';
    throw new Error(
      'the stand-in of pg-user-api needs Flask and psycopg2: install Python 3 with its venv module and pip (Debian: python3-venv), or Debian’s python3-flask and python3-psycopg2; or leave it out with --only documents',
      { cause: error },
    );
  }
}

async function versions(python: string): Promise<string> {
  const code = `import sys, importlib.metadata as m, psycopg2
print('Python', sys.version.split()[0] + ', Flask', m.version('flask') + ', Werkzeug', m.version('werkzeug') + ', psycopg2', psycopg2.__version__.split()[0])`;
  const { stdout } = await run(python, ['-c', code]);
  return stdout.trim();
}

async function countAuditRows(python: string, registry: string): Promise<number> {
  const code =
    'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM audit_log").fetchone()[0])';
  const { stdout } = await run(python, ['-c', code, registry]);
  return Number(stdout);
}

async function firstAnswer(url: string): Promise<void> {
  const until = Date.now() + START_MS;
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    if (Date.now() > until) throw new Error('the stand-in of pg-user-api gave no answer');
    await delay(50);
  }
}
