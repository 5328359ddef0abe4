import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { createAuditSealer } from '../activities/control/audit/sealer.ts';
import { createLogger } from '../platform/log.ts';
import { createChainMac } from '../platform/secrets/chain-mac.ts';
import { loadKeyring } from '../platform/secrets/keyring.ts';
import { createMetadataPool } from '../store/connection.ts';
import { ensureInstallationId } from '../store/installation.ts';
import { embeddedMetadata, embeddedPasswordFile } from '../worker/metadata.ts';
import { type BenchStack, freePort, startBenchStack } from './stack.ts';
import { median, table, timed } from './statistics.ts';

const START = fileURLToPath(new URL('../scripts/start.mjs', import.meta.url));
/** Rows of one statement, within its time-out. */
const PART = 20_000;
const PAGES = {
  'newest 100': '/v1/audit?limit=100',
  'of an actor': '/v1/audit?limit=100&actor=account-7',
  'of a resource': '/v1/audit?limit=100&resource=server/host-7',
  'up to a time': `/v1/audit?limit=100&to=${new Date(Date.now() - 86_400_000 / 2).toISOString()}`,
} as const;

/**
 * The audit log at two lengths: what a row costs to seal, verify and export, what memory that takes, and what a page costs. Costs per
 * row and per page should not grow with the log, nor memory at all.
 */
export async function auditBench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { rows: { type: 'string', default: '100000,1000000' }, runs: { type: 'string', default: '31' } },
  });
  const env = { PGSTEWARD_RUNTIME: 'process', PGSTEWARD_AUDIT_SEAL_SECONDS: '86400' };
  const stack = await startBenchStack(env);
  const { metadata } = stack.config;
  if (metadata.kind !== 'embedded') throw new Error('the bench needs an embedded metadata server');
  const db = createMetadataPool(await embeddedMetadata(stack.config, metadata.port));
  try {
    const rows: string[][] = [];
    for (const size of values.rows.split(',').map(Number)) {
      rows.push(await measure({ stack, db, env }, size, Number(values.runs)));
      console.log(`measured ${size} rows`);
    }
    console.log(
      table([
        [
          'rows',
          'seal s',
          'CPU us/row',
          'verify s',
          'verify MB',
          'jsonl s',
          'csv s',
          'API MB',
          ...Object.keys(PAGES).map((name) => `${name} ms`),
        ],
        ...rows,
      ]),
    );
    console.log(
      'verify and API: processes of their own; their memory is the peak of each, with what the program itself needs',
    );
  } finally {
    await db.end();
    await stack.stop();
  }
}

interface Bench {
  stack: BenchStack;
  db: pg.Pool;
  env: Record<string, string>;
}

async function measure(bench: Bench, size: number, runs: number): Promise<string[]> {
  const { stack, db } = bench;
  const added = await fill(db, size);
  const sealing = await timed(() => sealAll(bench));
  const { rows: sealed } = sealing.result;
  if (sealed < added) throw new Error(`${sealed} rows were sealed, and ${added} were added`);
  await db.query('VACUUM (ANALYZE) audit_log, audit_chain, audit_unsealed');
  const verifying = await timed(() => verify(bench));
  const exporting = await exportBoth(bench, size);
  const pages: number[] = [];
  for (const path of Object.values(PAGES)) pages.push(await page(stack, path, runs));
  return [
    String(size),
    (sealing.ms / 1000).toFixed(1),
    (sealing.result.cpuUs / sealing.result.rows).toFixed(1),
    (verifying.ms / 1000).toFixed(1),
    (verifying.result / 1e6).toFixed(0),
    (exporting.jsonl / 1000).toFixed(1),
    (exporting.csv / 1000).toFixed(1),
    (exporting.peak / 1e6).toFixed(0),
    ...pages.map((ms) => ms.toFixed(2)),
  ];
}

/** Adds rows up to a number of them, each like one of a change of a role. @returns how many */
async function fill(db: pg.Pool, size: number): Promise<number> {
  const { rows } = await db.query<{ count: number }>('SELECT count(*)::int AS count FROM audit_log');
  const missing = size - (rows[0]?.count ?? 0);
  for (let from = 0; from < missing; from += PART) {
    await db.query(
      `INSERT INTO audit_log (recorded_at, kind, actor, token_id, source, request_id, action, resource, task_id, outcome, detail)
       SELECT now() - make_interval(secs => 86400.0 * (1 - n / $1::float)), CASE n % 2 WHEN 0 THEN 'intent' ELSE 'outcome' END,
         'account-' || n % 500, 'token-' || n % 500, '10.0.0.' || n % 250, 'request-' || n, 'server.change_role',
         'server/host-' || n % 50, gen_random_uuid(), CASE n % 2 WHEN 1 THEN 'completed' END,
         jsonb_build_object('steps', jsonb_build_array('CREATE ROLE "app_' || n || '" LOGIN', repeat(md5(n::text), 6)))
       FROM generate_series($2::int, $3::int) n`,
      [missing, from + 1, Math.min(missing, from + PART)],
    );
  }
  return missing;
}

/** @returns how many rows, and the CPU time of this process, in microseconds */
async function sealAll({ stack, db }: Bench): Promise<{ rows: number; cpuUs: number }> {
  const sealer = createAuditSealer({
    db,
    installationId: await ensureInstallationId(db),
    mac: createChainMac(await loadKeyring(stack.config.files.sealKeyring)),
    anchorFile: stack.config.files.auditAnchors,
    log: createLogger({ level: 'error', service: 'bench' }),
  });
  const before = process.cpuUsage();
  let rows = 0;
  for (;;) {
    const { sealed } = await sealer.seal();
    rows += sealed;
    if (sealed > 0) continue;
    const { user, system } = process.cpuUsage(before);
    return { rows, cpuUs: user + system };
  }
}

/** `audit verify` as it is called by people. @returns its peak of memory, in bytes */
async function verify(bench: Bench): Promise<number> {
  const child = startProcess(bench, ['audit', 'verify']);
  const exit = once(child, 'exit');
  let peak = 0;
  const watch = setInterval(async () => {
    peak = Math.max(peak, await peakOf(child));
  }, 50);
  const [code] = await exit;
  clearInterval(watch);
  if (code !== 0) throw new Error(`audit verify ended with exit code ${code}`);
  return peak;
}

/** Both formats, from an API of its own, so that its memory is told apart. @returns milliseconds, and bytes */
async function exportBoth(bench: Bench, size: number): Promise<{ jsonl: number; csv: number; peak: number }> {
  const port = await freePort();
  const child = startProcess(bench, ['api'], { PGSTEWARD_PORT: String(port) });
  try {
    const url = `http://127.0.0.1:${port}`;
    while (!(await answers(url))) if (child.exitCode !== null) throw new Error('the API has ended');
    const [jsonl, csv] = [await exported(bench, url, 'jsonl', size), await exported(bench, url, 'csv', size)];
    return { jsonl, csv, peak: await peakOf(child) };
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  }
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(`${url}/healthz`).catch(() => undefined);
  return response?.ok ?? delay(100, false);
}

/** A process of the installation that the bench has started. */
function startProcess({ stack, env }: Bench, words: string[], more: NodeJS.ProcessEnv = {}): ChildProcess {
  const { config } = stack;
  const { metadata, temporal } = config;
  if (metadata.kind !== 'embedded' || temporal.server.kind !== 'development')
    throw new Error('not a stack of the bench');
  return spawn(process.execPath, [START, ...words], {
    env: {
      ...process.env,
      ...env,
      PGSTEWARD_HOME: config.home,
      PGSTEWARD_METADATA_URL: `postgres://postgres@127.0.0.1:${metadata.port}/postgres`,
      PGSTEWARD_METADATA_PASSWORD_FILE: embeddedPasswordFile(config),
      TEMPORAL_ADDRESS: `127.0.0.1:${temporal.server.port}`,
      ...more,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function peakOf({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

/** @returns milliseconds */
async function exported({ stack }: Bench, url: string, format: string, atLeast: number): Promise<number> {
  const { ms, result } = await timed(async () => {
    let lines = 0;
    const response = await fetch(`${url}/v1/audit/export?format=${format}`, { headers: stack.admin });
    for await (const chunk of response.body ?? []) {
      for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) lines += 1;
    }
    return lines;
  });
  if (result < atLeast) throw new Error(`the export as ${format} has ${result} lines of ${atLeast}`);
  return ms;
}

/** @returns the median, in milliseconds */
async function page(stack: BenchStack, path: string, runs: number): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const { ms, result } = await timed(() => stack.call<{ entries: unknown[] }>('GET', path));
    if (result.entries.length !== 100) throw new Error(`${path} gave ${result.entries.length} rows`);
    times.push(ms);
  }
  return median(times);
}
