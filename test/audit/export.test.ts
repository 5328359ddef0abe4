import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createAdaptorServer } from '@hono/node-server';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../../api/app.ts';
import { createAuditExporter } from '../../api/audit/export.ts';
import { AUDIT_FORMATS } from '../../api/audit/formats.ts';
import { AUDIT_COLUMNS } from '../../domain/audit/row.ts';
import { insertAudit } from '../../store/audit.ts';
import { until } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

/** Rows of the long log, each of more than half a kilobyte. */
const MANY = 200_000;
/** Those of an account of their own among them. */
const FEW = 40_000;

let stack: TestStack;
let server: Server;
let url: string;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  const { db } = stack.control;
  await insertAudit(db, { kind: 'intent', actor: 'small', action: 'a.b', resource: 'c/1', detail: { n: null } });
  await insertAudit(db, { kind: 'intent', actor: 'small', action: 'a.b', resource: 'c/"2", o\'clock\nZoë' });
  await db.query(
    `INSERT INTO audit_log (kind, actor, action, resource, detail) VALUES ('intent', 'small', 'a.b', '=cmd|calc', '{"n": 12345678901234567890.5}')`,
  );
  server = createAdaptorServer({ fetch: createApp(stack.api).fetch }) as Server;
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/audit/export`;
});
afterAll(async () => {
  server.close();
  await stack?.stop();
});

/** As the administrator. */
const ask = (of: string, init: RequestInit = {}) =>
  fetch(of, { ...init, headers: { ...stack.admin, ...(init.headers as Record<string, string>) } });

/** In parts, each within the time-out of a statement, and nothing of it is to be sealed. */
async function fillLog(): Promise<void> {
  const client = await stack.control.db.connect();
  await client.query('SET session_replication_role = replica');
  for (let part = 0; part < MANY; part += 20_000) {
    await client.query(
      `INSERT INTO audit_log (kind, actor, action, resource, detail)
       SELECT 'outcome', CASE WHEN $1 < ${FEW} THEN 'few' ELSE 'many' END, 'long', 'c', jsonb_build_object('text', repeat(md5(n::text), 16)) FROM generate_series(1, 20000) n`,
      [part],
    );
  }
  client.release(true);
}

/** What the connections of exports are doing. */
async function exportsOnServer(): Promise<string[]> {
  const { rows } = await stack.control.db.query<{ query: string }>(
    `SELECT query FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ~ '^FETCH .* FROM streamed'`,
  );
  return rows.map(({ query }) => query);
}

const noExportIsLeft = () => until(async () => ((await exportsOnServer()).length === 0 ? true : undefined));

test('JSON lines are the entries of the list, oldest first, with numbers as the database has them', async () => {
  const response = await ask(`${url}?actor=small`);
  expect(response.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
  expect(response.headers.get('content-disposition')).toBe('attachment; filename="audit.jsonl"');
  const text = await response.text();
  const list = await stack.call('GET', '/v1/audit?actor=small&sort_order=asc');
  const lines = text.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual(list.body.entries);
  expect(lines).toHaveLength(3);
  expect(text).toContain('12345678901234567890.5');
});

test('CSV has a header, whole texts in cells, and no cell that a spreadsheet would carry out', async () => {
  const response = await ask(`${url}?format=csv&actor=small`);
  expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
  const rows: Record<string, string>[] = parse(await response.text(), { columns: true });
  expect(Object.keys(rows[0] ?? {})).toEqual([...AUDIT_COLUMNS]);
  expect(rows.map(({ resource }) => resource)).toEqual(['c/1', 'c/"2", o\'clock\nZoë', "'=cmd|calc"]);
  expect(rows.map(({ detail }) => detail)).toEqual(['{"n": null}', '{}', '{"n": 12345678901234567890.5}']);
  expect(rows[0]).toMatchObject({ token_id: '', outcome: '', kind: 'intent' });
});

test('an export of nothing is an empty file, or a header', async () => {
  expect(await (await ask(`${url}?actor=nobody`)).text()).toBe('');
  expect(await (await ask(`${url}?actor=nobody&format=csv`)).text()).toBe(`${AUDIT_COLUMNS.join(',')}\n`);
});

test('an export is in the log itself, and a request for its headers or a prefetch is none', async () => {
  const exports = async () => (await stack.call('GET', '/v1/audit?action=audit.export&kind=reveal')).body.entries;
  const before = await exports();
  expect((await ask(url, { method: 'HEAD' })).status).toBe(200);
  expect((await ask(url, { headers: { 'Sec-Purpose': 'prefetch' } })).status).toBe(403);
  expect(await exports()).toEqual(before);
  await (await ask(`${url}?actor=small&format=csv`, { headers: { 'X-Request-Id': 'export-17' } })).text();
  expect((await exports())[0]).toMatchObject({
    actor: 'admin',
    token_id: expect.any(String),
    request_id: 'export-17',
    source: '127.0.0.1',
    resource: 'audit',
    detail: { format: 'csv', filter: { actor: 'small' } },
  });
});

test('two exports run at a time, and a third is refused until one has ended', async () => {
  await fillLog();
  const [first, second] = [await ask(url), await ask(url)];
  const refused = await ask(url);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10']);
  expect(await refused.json()).toMatchObject({ name: 'too_many_requests' });
  expect(await exportsOnServer()).toHaveLength(2);
  // Gone in the middle: the query ends, and its connection serves others.
  await Promise.all([first.body?.cancel(), second.body?.cancel()]);
  await noExportIsLeft();
  const third = await ask(`${url}?actor=small`);
  expect([third.status, (await third.text()).split('\n').length]).toEqual([200, 4]);
});

test('a long log is exported whole, in memory that does not grow with it', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  /** Bytes that are held, and not only not collected yet. Client and server are both in this process. */
  const held = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = held();
  const growth: number[] = [];
  async function exported(query: string): Promise<{ bytes: number; lines: number }> {
    let [bytes, lines, next] = [0, 0, 0];
    const response = await ask(`${url}?${query}`);
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) lines += 1;
      if (lines < next) continue;
      growth.push(held() - before);
      next += FEW / 2;
    }
    return { bytes, lines };
  }
  const [json, csv] = await Promise.all([exported('action=long'), exported('actor=few&format=csv')]);
  expect([json.lines, csv.lines]).toEqual([MANY, FEW + 1]);
  expect(json.bytes).toBeGreaterThan(110e6);
  expect(Math.max(...growth)).toBeLessThan(40e6);
});

test('an export whose query is ended breaks off, so that nobody takes a part for the whole', async () => {
  const response = await ask(`${url}?actor=many`);
  const read = async () => {
    for await (const _ of response.body ?? []) {
      await stack.control.db.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ~ '^FETCH .* FROM streamed'`,
      );
    }
  };
  await expect(read()).rejects.toThrow();
  expect(await stack.log()).toContain('an export of the audit log broke off');
  await noExportIsLeft();
});

test('a client that takes nothing for long loses its export', async () => {
  const exporter = createAuditExporter(stack.api, { stallMs: 50 });
  const body = await exporter.open({ actor: 'many' }, AUDIT_FORMATS.jsonl, async () => undefined);
  const reader = body.getReader();
  await until(async () => ((await stack.log()).includes('the client took nothing for 50 ms') ? true : undefined));
  await noExportIsLeft();
  const read = async () => {
    while (!(await reader.read()).done);
  };
  await expect(read()).rejects.toThrow('the client took nothing for 50 ms');
});

test('a client that goes while PostgreSQL works for it ends that work', async () => {
  const blocking = await stack.control.db.connect();
  try {
    await blocking.query('BEGIN; LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE');
    const exporter = createAuditExporter(stack.api);
    const body = await exporter.open({}, AUDIT_FORMATS.jsonl, async () => undefined);
    const waiting = async () => {
      const { rows } = await stack.control.db.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'DECLARE %' AND wait_event_type = 'Lock'`,
      );
      return rows.length;
    };
    await until(async () => ((await waiting()) === 1 ? true : undefined));
    await body.cancel();
    await until(async () => ((await waiting()) === 0 ? true : undefined));
  } finally {
    blocking.release(true);
  }
});
