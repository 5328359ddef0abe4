/** The beginning of the log is removed in order, and what is left can be verified as before. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type AuditTrimmer, createAuditTrimmer } from '../../activities/control/audit/trimmer.ts';
import { createChainMac } from '../../platform/secrets/chain-mac.ts';
import { loadKeyring } from '../../platform/secrets/keyring.ts';
import { insertAudit } from '../../store/audit.ts';
import { settle } from '../../store/notification-scan.ts';
import { insertTask } from '../../store/tasks.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { addRows, anchorsIn, newSealer, verify, withTampering } from './support/log.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
});
afterAll(() => stack?.stop());

/** Each test begins with some rows that are sealed, anchored and looked through for notifications. */
beforeEach(async () => {
  await addRows(stack, 30);
  await sealAll();
});

async function sealAll(): Promise<void> {
  await (await newSealer(stack)).seal();
  // Twice: what was the newest id at the first time is settled by the second one.
  for (let look = 0; look < 2; look += 1) await settle(stack.control.db);
}

/** One that has just been started: it remembers nothing. */
async function newTrimmer(anchorFile = stack.config.files.auditAnchors): Promise<AuditTrimmer> {
  const { db, installationId } = stack.control;
  const mac = createChainMac(await loadKeyring(stack.config.files.sealKeyring));
  return createAuditTrimmer({ db, installationId, mac, anchorFile, log: stack.api.log });
}

const note = async () => undefined;
/** Everything that was sealed before now is old. */
const trim = async (limit = 10_000, trimmer?: AuditTrimmer) =>
  (trimmer ?? (await newTrimmer())).trim({ days: 0, limit, note });

async function numbers(): Promise<{ first: number; last: number; rows: number; firstRow: number }> {
  const { rows } = await stack.control.db.query(
    `SELECT min(seq) AS first, max(seq) AS last, (SELECT count(*) FROM audit_log) AS rows,
       (SELECT min(id) FROM audit_log) AS "firstRow" FROM audit_chain`,
  );
  return rows[0];
}

async function expectIntact(): Promise<string> {
  const { code, text } = await verify(stack);
  expect(code, text).toBe(0);
  return text;
}

test('old rows go with their entries, the newest stays, and the verification says from when on it holds', async () => {
  const before = await numbers();
  const { removed } = await trim();
  const after = await numbers();
  expect(removed).toBe(before.last - before.first);
  expect(after).toMatchObject({ first: before.last, last: before.last, rows: before.rows - removed });
  const text = await expectIntact();
  expect(text).toMatch(
    new RegExp(`^begins +with entry ${after.first}: .* up to row ${after.firstRow - 1}; checkpoint of 20`, 'm'),
  );
  await addRows(stack, 5);
  await sealAll();
  await expectIntact();
  expect((await trim()).removed).toBe(5);
  await expectIntact();
});

test('a log that keeps everything has no checkpoint, and what is younger stays', async () => {
  const before = await numbers();
  expect(await (await newTrimmer()).trim({ days: 1, limit: 100, note })).toEqual({ removed: 0, more: false });
  expect(await numbers()).toEqual(before);
});

test('the checkpoint is anchored before any row goes; where it cannot be, nothing goes', async () => {
  const before = await numbers();
  const nowhere = await newTrimmer(join(stack.config.home, 'not-mounted', 'anchors.jsonl'));
  await expect(trim(100, nowhere)).rejects.toThrow(/before its checkpoint is anchored, and .*anchors\.jsonl cannot/);
  expect(await numbers()).toEqual(before);
  await expectIntact();
  await trim();
  const anchors = await anchorsIn(stack.config.files.auditAnchors);
  expect(anchors.at(-1)).toMatchObject({
    seq: before.last - 1,
    checkpoint: { removed: before.last - before.first, audit_id: expect.any(Number) },
  });
});

test('a run that ends in the middle is gone on with, and the log is intact at every moment', async () => {
  const before = await numbers();
  for (let gone = 7; gone < before.last - before.first; gone += 7) {
    expect((await trim(7)).more).toBe(true);
    expect((await numbers()).first).toBe(before.first + gone);
    await expectIntact();
  }
  expect((await trim(7)).more).toBe(false);
  expect((await numbers()).first).toBe(before.last);
  await expectIntact();
});

describe('stays, with everything after it:', () => {
  test('a row of a task that is open', async () => {
    const [openFrom] = await numbersAfter(async () => {
      const task = await insertTask(stack.control.db, {
        scope: 'database',
        entityId: 'open',
        type: 'create',
        epoch: 1,
        workflowType: 'none',
        workflowKind: 'test',
        actor: 'test',
      });
      const row = { kind: 'intent', actor: 'test', action: 'database.create', resource: 'database/open' } as const;
      await insertAudit(stack.control.db, { ...row, taskId: task.id });
      await addRows(stack, 5);
      return task.id;
    });
    await trim();
    expect((await numbers()).first).toBe(openFrom);
    await stack.control.db.query(
      `UPDATE tasks SET status = 'completed', completed_at = now() - interval '2 days' WHERE entity_id = 'open'`,
    );
    await trim();
    expect((await numbers()).first).toBe((await numbers()).last);
  });

  test('a row that is still looked at for notifications', async () => {
    const [unsettled] = await numbersAfter(async () => {
      await addRows(stack, 5);
    }, false);
    await trim();
    expect((await numbers()).first).toBe(unsettled);
    await sealAll();
  });

  /** @returns the first number that was sealed after `add` */
  async function numbersAfter(add: () => Promise<unknown>, settled = true): Promise<[number]> {
    const { last } = await numbers();
    await add();
    if (settled) await sealAll();
    else await (await newSealer(stack)).seal();
    return [last + 1];
  }
});

test('the database refuses to remove what no checkpoint covers, and to touch a checkpoint', async () => {
  await trim();
  await addRows(stack, 10);
  await sealAll();
  const { last } = await numbers();
  for (const sql of [
    `DELETE FROM audit_log WHERE id = (SELECT audit_id FROM audit_chain WHERE seq = ${last - 3})`,
    `DELETE FROM audit_chain WHERE seq = ${last - 3}`,
    'DELETE FROM audit_log',
    'DELETE FROM audit_checkpoints',
    'UPDATE audit_checkpoints SET seq = seq + 1',
    'TRUNCATE audit_checkpoints',
  ]) {
    await expect(stack.control.db.query(sql), sql).rejects.toThrow('append-only');
  }
});

describe('is found, of a log whose beginning was removed in order:', () => {
  beforeEach(async () => {
    await trim();
    await addRows(stack, 20);
    await sealAll();
  });
  const SINCE = '(SELECT max(seq) FROM audit_checkpoints)';
  const cutAfter = (count: number) =>
    `DELETE FROM audit_log WHERE id IN (SELECT audit_id FROM audit_chain WHERE seq <= ${SINCE} + ${count});
     DELETE FROM audit_chain WHERE seq <= ${SINCE} + ${count}`;
  const forged = `INSERT INTO audit_checkpoints
    SELECT c.seq, c.audit_id, c.mac, c.seq - k.seq, sha256('forged'), c.key_id, now()
    FROM audit_chain c, audit_checkpoints k WHERE k.seq = ${SINCE} AND c.seq = k.seq + 5`;
  const tampering: [what: string, sql: string, finding: RegExp][] = [
    ['more of its beginning, cut off', cutAfter(5), /^removed +entries \d+ to \d+ are gone, before row/m],
    [
      'more of its beginning, cut off behind a checkpoint without the key',
      `${forged}; ${cutAfter(5)}`,
      /^changed +the checkpoint/m,
    ],
    [
      'the first row, changed',
      `UPDATE audit_log SET actor = 'x' WHERE id = (SELECT min(id) FROM audit_log)`,
      /^changed +row/m,
    ],
    ['its checkpoint, taken away', `DELETE FROM audit_checkpoints WHERE seq = ${SINCE}`, /^removed +entries? \d+/m],
    [
      'its checkpoint, moved',
      `UPDATE audit_checkpoints SET removed = removed + 5, seq = seq + 5 WHERE seq = ${SINCE}`,
      /^changed +the checkpoint/m,
    ],
    [
      'its end, cut off',
      `DELETE FROM audit_log WHERE id IN (SELECT audit_id FROM audit_chain WHERE seq > ${SINCE} + 9);
      DELETE FROM audit_chain WHERE seq > ${SINCE} + 9`,
      /^cut off +entry \d+ was anchored/m,
    ],
    [
      'everything that is left, emptied',
      'TRUNCATE audit_log, audit_chain, audit_unsealed',
      /^cut off +nothing is left/m,
    ],
  ];

  test.each(tampering)('%s', async (_what, sql, finding) => {
    await stack.control.db.query('CREATE TABLE kept_checkpoints AS TABLE audit_checkpoints');
    try {
      const verified = await withTampering(stack, sql, () => verify(stack));
      expect(verified.code, verified.text).toBe(1);
      expect(verified.text).toMatch(finding);
    } finally {
      const client = await stack.control.db.connect();
      await client.query(`SET session_replication_role = replica; DELETE FROM audit_checkpoints;
        INSERT INTO audit_checkpoints TABLE kept_checkpoints; DROP TABLE kept_checkpoints`);
      client.release(true);
    }
    await expectIntact();
  });

  test('everything that is left, emptied, also without anchors', async () => {
    const sql = 'TRUNCATE audit_log, audit_chain, audit_unsealed';
    expect((await withTampering(stack, sql, () => verify(stack, []))).code).toBe(1);
  });

  test('another checkpoint than the one that was anchored, made with the key', async () => {
    const file = stack.config.files.auditAnchors;
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line.includes('"checkpoint"'));
    const { seq, ...other } = JSON.parse(lines.at(-1) ?? '');
    const copy = join(stack.config.home, 'other-checkpoint.jsonl');
    await writeFile(copy, `${JSON.stringify({ seq, ...other, mac: 'ab'.repeat(32) })}\n`);
    expect((await verify(stack, [file, copy])).text).toMatch(/^rewritten +the checkpoint after entry/m);
  });
});

test('a sealer that lives does not take for lost what was removed in order', async () => {
  const sealer = await newSealer(stack);
  await addRows(stack, 1);
  await sealer.seal();
  await addRows(stack, 1);
  await sealAll();
  await trim();
  const [logged] = [(await stack.log()).split('the audit chain has lost').length];
  await sealer.seal();
  expect((await stack.log()).split('the audit chain has lost').length).toBe(logged);
});
