import { appendFile, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insertAudit } from '../../store/audit.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { addRows, anchorsIn, newSealer, verify, withTampering } from './support/log.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  await stack.control.auditSealer.seal();
});
afterAll(() => stack?.stop());

/** Ids of sealed rows in the order of the chain, after a number. */
async function chainAfter(seq: number): Promise<number[]> {
  const { rows } = await stack.control.db.query<{ id: number }>(
    'SELECT audit_id AS id FROM audit_chain WHERE seq > $1 ORDER BY seq',
    [seq],
  );
  return rows.map(({ id }) => id);
}

async function lastSeq(): Promise<number> {
  const { rows } = await stack.control.db.query<{ seq: number }>('SELECT max(seq) AS seq FROM audit_chain');
  return rows[0]?.seq ?? 0;
}

async function isIntact(): Promise<void> {
  const { code, text } = await verify(stack);
  expect(code, text).toBe(0);
}

test('a row that is committed late is chained when it is seen, after rows with higher ids', async () => {
  const before = await lastSeq();
  const client = await stack.control.db.connect();
  await client.query('BEGIN');
  const row = { kind: 'intent', actor: 'late', action: 'a.b', resource: 'c' } as const;
  await insertAudit(client, row);
  const later = await addRows(stack, 3);
  expect(await stack.control.auditSealer.seal()).toEqual({ sealed: 3 });
  await client.query('COMMIT');
  client.release();
  expect(await stack.control.auditSealer.seal()).toEqual({ sealed: 1 });
  const chain = await chainAfter(before);
  expect(chain.slice(0, 3)).toEqual(later);
  expect(chain[3]).toBeLessThan(later[0] ?? 0);
  await isIntact();
});

test('a row whose transaction was taken back leaves a gap that nobody waits for', async () => {
  const client = await stack.control.db.connect();
  await client.query('BEGIN');
  await insertAudit(client, { kind: 'intent', actor: 'undecided', action: 'a.b', resource: 'c' });
  await client.query('ROLLBACK');
  client.release();
  await addRows(stack, 1);
  expect(await stack.control.auditSealer.seal()).toEqual({ sealed: 1 });
  await isIntact();
});

test('sealers of many workers at once make one chain with every row in it once', async () => {
  const before = await lastSeq();
  const sealers = await Promise.all(Array.from({ length: 4 }, () => newSealer(stack)));
  const written: number[] = [];
  const writers = Array.from({ length: 5 }, async () => {
    for (let round = 0; round < 10; round += 1) written.push(...(await addRows(stack, 7)));
  });
  let writing = true;
  const sealing = sealers.map(async (sealer) => {
    while (writing) await sealer.seal();
  });
  await Promise.all(writers);
  writing = false;
  await Promise.all(sealing);
  await stack.control.auditSealer.seal();
  const chain = await chainAfter(before);
  expect([...chain].sort((a, b) => a - b)).toEqual([...written].sort((a, b) => a - b));
  expect(await lastSeq()).toBe(before + written.length);
  await isIntact();
});

test('a log that was long without a sealer is sealed in one run, batch by batch', async () => {
  await addRows(stack, 12_000);
  expect(await stack.control.auditSealer.seal()).toEqual({ sealed: 12_000 });
  const { rows } = await stack.control.db.query(
    'SELECT count(*)::int AS rows FROM audit_chain GROUP BY sealed_at ORDER BY sealed_at DESC LIMIT 3',
  );
  expect(rows.map((batch) => batch.rows)).toEqual([2_000, 5_000, 5_000]);
  await isIntact();
});

describe('the head of the chain', () => {
  test('is anchored and logged once for each run that has sealed something', async () => {
    const file = stack.config.files.auditAnchors;
    await addRows(stack, 3);
    await stack.control.auditSealer.seal();
    const anchors = await anchorsIn(file);
    const { rows } = await stack.control.db.query(
      `SELECT seq, encode(mac, 'hex') AS mac FROM audit_chain ORDER BY seq DESC LIMIT 1`,
    );
    expect(anchors.at(-1)).toMatchObject(rows[0]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const logged = (await stack.log()).split('\n').filter((line) => line.includes('the audit log is sealed'));
    expect(JSON.parse(logged.at(-1) ?? '{}')).toMatchObject({ level: 'info', ...rows[0] });
    await stack.control.auditSealer.seal();
    expect(await anchorsIn(file)).toEqual(anchors);
  });

  test('is anchored after a start, too, in whatever file that worker has', async () => {
    const file = join(stack.config.home, 'anchors-of-another-worker.jsonl');
    const sealer = await newSealer(stack, file);
    await sealer.seal();
    await sealer.seal();
    expect(await anchorsIn(file)).toEqual((await anchorsIn(stack.config.files.auditAnchors)).slice(-1));
  });

  test('is anchored later where the file cannot be written to, and rows are sealed all the same', async () => {
    const directory = join(stack.config.home, 'not-mounted-yet');
    const sealer = await newSealer(stack, join(directory, 'anchors.jsonl'));
    await addRows(stack, 2);
    expect(await sealer.seal()).toEqual({ sealed: 2 });
    expect(await stack.log()).toContain('a head of the audit chain is not anchored');
    await mkdir(directory);
    expect(await sealer.seal()).toEqual({ sealed: 0 });
    expect((await anchorsIn(join(directory, 'anchors.jsonl'))).map(({ seq }) => seq)).toEqual([await lastSeq()]);
  });

  test('is on a line of its own also after a crash in the middle of one', async () => {
    const file = join(stack.config.home, 'cut-short.jsonl');
    await appendFile(file, '{"seq":12,"mac":"ab');
    await (await newSealer(stack, file)).seal();
    expect(await verify(stack, [file])).toMatchObject({ code: 0, anchorsMet: 1 });
  });
});

test('a sealer that lives notices at once when what it has sealed is gone', async () => {
  await addRows(stack, 2);
  const sealer = await newSealer(stack, join(stack.config.home, 'anchors-of-a-witness.jsonl'));
  await sealer.seal();
  const cut = 'DELETE FROM audit_chain WHERE seq = (SELECT max(seq) FROM audit_chain)';
  await withTampering(stack, cut, () => sealer.seal());
  expect(await stack.log()).toContain('the audit chain has lost what was sealed');
});
