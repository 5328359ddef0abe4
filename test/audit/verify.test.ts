import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ChainLink } from '../../domain/audit/chain.ts';
import { readConfig } from '../../platform/config/read-config.ts';
import { chainBeginning, createChainMac } from '../../platform/secrets/chain-mac.ts';
import { loadKeyring, rotateKeyring } from '../../platform/secrets/keyring.ts';
import { insertAudit } from '../../store/audit.ts';
import { readAuditSnapshot } from '../../store/audit-verification.ts';
import { runAudit } from '../../worker/audit/command.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { addRows, newSealer, verify, withTampering } from './support/log.ts';

const START = fileURLToPath(new URL('../../scripts/start.mjs', import.meta.url));
let stack: TestStack;
/** Ids of 60 rows, sealed in three batches that are anchored each. */
let ids: number[];

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  const sealer = await newSealer(stack);
  ids = [];
  for (let batch = 0; batch < 3; batch += 1) {
    ids.push(...(await addRows(stack, 20)));
    await sealer.seal();
  }
});
afterAll(() => stack?.stop());

const id = (index: number) => ids.at(index) ?? 0;

test('a log that nobody has touched is intact', async () => {
  const verified = await verify(stack);
  expect(verified.text).toMatch(/^The audit log is intact\.$/m);
  expect(verified).toMatchObject({ code: 0, found: 0, anchorsMet: 3 });
  // Beside ours, those of the start of the installation.
  expect(verified.entries).toBeGreaterThan(60);
});

test('the triggers keep everybody from changing the log and its chain who does not go around them', async () => {
  for (const table of ['audit_log', 'audit_chain']) {
    const column = table === 'audit_log' ? 'actor' : 'key_id';
    for (const sql of [`UPDATE ${table} SET ${column} = 'nobody'`, `DELETE FROM ${table}`, `TRUNCATE ${table}`]) {
      await expect(stack.control.db.query(sql), sql).rejects.toThrow('append-only');
    }
  }
});

describe('is found, and the row is named:', () => {
  /** Middle of the log, so that there are entries before and after. */
  const row = () => id(30);
  const tampering: [what: string, sql: () => string, kind: string, words: () => string][] = [
    [
      'a row with another actor',
      () => `UPDATE audit_log SET actor = 'somebody else' WHERE id = ${row()}`,
      'changed',
      () => `row ${row()} `,
    ],
    [
      'a row with another time, by a microsecond',
      () => `UPDATE audit_log SET recorded_at = recorded_at + interval '1 microsecond' WHERE id = ${row()}`,
      'changed',
      () => `row ${row()} `,
    ],
    [
      'a row with another digit in a detail',
      () => `UPDATE audit_log SET detail = jsonb_set(detail, '{n}', '1e400'::jsonb) WHERE id = ${row()}`,
      'changed',
      () => `row ${row()} `,
    ],
    [
      'a row whose empty member of a detail is left out',
      () => `UPDATE audit_log SET detail = detail - 'before' WHERE id = ${row()}`,
      'changed',
      () => `row ${row()} `,
    ],
    [
      'a row without its token',
      () => `UPDATE audit_log SET token_id = NULL WHERE id = ${row()}`,
      'changed',
      () => `row ${row()} `,
    ],
    [
      'an empty text in the place of nothing',
      () => `UPDATE audit_log SET task_id = NULL, source = '' WHERE id = ${row()}`,
      'changed',
      () => `row ${row()} `,
    ],
    [
      'an entry that claims another time of sealing',
      () => `UPDATE audit_chain SET sealed_at = sealed_at - interval '1 day' WHERE audit_id = ${row()}`,
      'changed',
      () => `row ${row()} `,
    ],
    ['a row that is gone', () => `DELETE FROM audit_log WHERE id = ${row()}`, 'removed', () => `row ${row()} `],
    [
      'a row that is gone with its entry',
      () => `DELETE FROM audit_log WHERE id = ${row()}; DELETE FROM audit_chain WHERE audit_id = ${row()}`,
      'removed',
      () => `before the entry|between entry \\d+ and row ${id(31)} `,
    ],
    [
      'rows in the middle that are gone with their entries, the rest renumbered',
      () =>
        `DELETE FROM audit_log WHERE id IN (${row()}, ${id(31)}); DELETE FROM audit_chain WHERE audit_id IN (${row()}, ${id(31)});
         UPDATE audit_chain SET seq = -seq WHERE audit_id > ${id(31)};
         UPDATE audit_chain SET seq = -seq - 2 WHERE seq < 0`,
      'removed',
      () => `2 entries before row ${id(32)} .*renumbered`,
    ],
    [
      'the first row, gone with its entry',
      () =>
        `DELETE FROM audit_log WHERE id = (SELECT audit_id FROM audit_chain WHERE seq = 1); DELETE FROM audit_chain WHERE seq = 1`,
      'removed',
      () => 'entry 1 is gone, before row ',
    ],
    [
      'two rows that have changed places',
      () => `UPDATE audit_log a SET (recorded_at, token_id, source, request_id, detail) =
          (SELECT recorded_at, token_id, source, request_id, detail FROM audit_log b
           WHERE b.id = CASE a.id WHEN ${row()} THEN ${id(31)} ELSE ${row()} END)
        WHERE id IN (${row()}, ${id(31)})`,
      'changed',
      () => `row (${row()}|${id(31)}) `,
    ],
    [
      'two entries that have changed places',
      () =>
        `UPDATE audit_chain SET seq = -1 WHERE audit_id = ${row()};
         UPDATE audit_chain SET seq = seq - 1 WHERE audit_id = ${id(31)};
         UPDATE audit_chain SET seq = (SELECT seq + 1 FROM audit_chain WHERE audit_id = ${id(31)}) WHERE seq = -1`,
      'changed',
      () => `row ${id(31)} `,
    ],
    [
      'a row that was put between others, and never sealed',
      () =>
        `INSERT INTO audit_log (id, recorded_at, kind, actor, action, resource) OVERRIDING SYSTEM VALUE
         SELECT 1000000, recorded_at, 'outcome', 'forger', 'database.delete', 'database/x' FROM audit_log WHERE id = ${row()}`,
      'inserted',
      () => 'row 1000000 ',
    ],
    [
      'an entry without a MAC of ours, at the end',
      () =>
        `INSERT INTO audit_log (id, kind, actor, action, resource) OVERRIDING SYSTEM VALUE
         VALUES (1000000, 'outcome', 'forger', 'database.delete', 'database/x');
         INSERT INTO audit_chain SELECT seq + 1, 1000000, sha256('forged'), key_id, now(), now() FROM audit_chain
         ORDER BY seq DESC LIMIT 1`,
      'changed',
      () => 'row 1000000 ',
    ],
    [
      'the last rows, cut off with their entries',
      () => `DELETE FROM audit_log WHERE id >= ${id(-5)}; DELETE FROM audit_chain WHERE audit_id >= ${id(-5)}`,
      'cut off',
      () => 'was anchored at .* and the chain ends with entry \\d+',
    ],
    [
      'the whole log, emptied',
      () => 'TRUNCATE audit_log, audit_chain, audit_unsealed',
      'cut off',
      () => 'was anchored at .* and the chain is empty',
    ],
    [
      'the chain alone, emptied',
      () => 'TRUNCATE audit_chain',
      'inserted',
      () => `row ${row()} .*the chain does not have it`,
    ],
    [
      'a row that was taken away before it was sealed',
      () => 'INSERT INTO audit_unsealed VALUES (999999)',
      'removed',
      () => 'row 999999: .*not been sealed yet',
    ],
  ];

  test.each(tampering)('%s', async (_what, sql, kind, words) => {
    const verified = await withTampering(stack, sql(), () => verify(stack));
    expect(verified.code, verified.text).toBe(1);
    expect(verified.text).toMatch(new RegExp(`^${kind} .*(${words()})`, 'm'));
    expect(verified.text).toMatch(/^The audit log is NOT intact\.$/m);
  });

  test('one row that was changed is one finding, and the rows around it are not suspected', async () => {
    const sql = `UPDATE audit_log SET actor = 'somebody else' WHERE id = ${row()}`;
    const { findings } = await withTampering(stack, sql, () => verify(stack));
    expect(findings).toHaveLength(1);
  });

  test('a chain that was made anew over changed rows, by somebody without the key', async () => {
    const { active } = await loadKeyring(stack.config.files.sealKeyring);
    const forged = join(stack.config.home, 'forged-keyring.json');
    const keys = { [active.id]: randomBytes(32).toString('base64') };
    await writeFile(forged, JSON.stringify({ active: active.id, keys }), { mode: 0o600 });
    const mac = createChainMac(await loadKeyring(forged));
    const changed = await withTampering(
      stack,
      `UPDATE audit_log SET actor = 'somebody else' WHERE id = ${row()}`,
      async () => {
        let previous = chainBeginning(stack.control.installationId);
        const links: [number, string][] = [];
        await readAuditSnapshot(stack.control.db, async (snapshot) => {
          for await (const entry of snapshot.entries()) {
            if (entry.auditId >= row()) {
              previous = mac.of(previous, entry as ChainLink);
              links.push([entry.seq, previous]);
            } else previous = entry.mac;
          }
        });
        const client = await stack.control.db.connect();
        await client.query('SET session_replication_role = replica');
        for (const [seq, hex] of links) {
          await client.query(`UPDATE audit_chain SET mac = decode($2, 'hex') WHERE seq = $1`, [seq, hex]);
        }
        client.release(true);
        return verify(stack);
      },
    );
    expect(changed.code).toBe(1);
    expect(changed.findings[0]).toMatchObject({ kind: 'changed', message: expect.stringContaining(`row ${row()} `) });
    expect(changed.text).toMatch(/^rewritten .*anchored under this number/m);
  });

  test('a row that claims to be of last week, although it was sealed like any other', async () => {
    const forge = `INSERT INTO audit_log (id, recorded_at, kind, actor, action, resource) OVERRIDING SYSTEM VALUE
      VALUES (1000000, now() - interval '7 days', 'outcome', 'forger', 'database.delete', 'database/x');
      INSERT INTO audit_unsealed VALUES (1000000)`;
    const verified = await withTampering(stack, forge, async () => {
      const elsewhere = join(stack.config.home, 'anchors-of-a-forgery.jsonl');
      expect(await (await newSealer(stack, elsewhere)).seal()).toEqual({ sealed: 1 });
      return verify(stack);
    });
    expect(verified.text).toMatch(/^inserted +row 1000000 .*backdated/m);
    expect(verified).toMatchObject({ code: 1, found: 1 });
  });

  test('what was sealed anew after the end had been cut off, by the anchors', async () => {
    const cut = `DELETE FROM audit_log WHERE id >= ${id(-5)}; DELETE FROM audit_chain WHERE audit_id >= ${id(-5)}`;
    const verified = await withTampering(stack, cut, async () => {
      await addRows(stack, 10);
      await (await newSealer(stack, join(stack.config.home, 'anchors-after-a-cut.jsonl'))).seal();
      return verify(stack);
    });
    expect(verified.found).toBe(1);
    expect(verified.text).toMatch(/^rewritten .*anchored under this number/m);
  });
});

describe('it cannot be said', () => {
  test('without the key that entries were made under, and the key is named', async () => {
    const verified = await withTampering(
      stack,
      `UPDATE audit_chain SET key_id = 'lost' WHERE audit_id = ${id(3)}`,
      () => verify(stack),
    );
    expect(verified).toMatchObject({ code: 2, found: 0, unknownKeys: ['lost'] });
  });

  test('when rows have waited for a sealer for too long', async () => {
    const late = `INSERT INTO audit_log (id, recorded_at, kind, actor, action, resource) OVERRIDING SYSTEM VALUE
      VALUES (1000000, now() - interval '11 minutes', 'outcome', 'worker', 'database.delete', 'database/x');
      INSERT INTO audit_unsealed VALUES (1000000)`;
    const verified = await withTampering(stack, late, () => verify(stack));
    expect(verified).toMatchObject({ code: 2, found: 0 });
    expect(verified.text).toMatch(/^unknown .*1 row not sealed.*does a control worker run\?/m);
  });

  test('of a log of which nothing is sealed and nothing anchored', async () => {
    const verified = await withTampering(stack, 'TRUNCATE audit_log, audit_chain, audit_unsealed', () =>
      verify(stack, []),
    );
    expect(verified.code).toBe(2);
  });
});

test('rows that are younger than the last run are no finding', async () => {
  const verified = await withTampering(stack, 'SELECT', async () => {
    await insertAudit(stack.control.db, { kind: 'reveal', actor: 'a', action: 'b', resource: 'c' });
    return verify(stack);
  });
  expect(verified).toMatchObject({ code: 0, found: 0, waiting: { rows: 1 } });
});

test('several files of anchors are compared, whatever else stands in them', async () => {
  const [other, torn] = [join(stack.config.home, 'other.jsonl'), join(stack.config.home, 'torn.jsonl')];
  await writeFile(torn, '{"seq":3,"mac":"ab\n\nnot json\n');
  await writeFile(other, `${JSON.stringify({ seq: 5, mac: 'ab'.repeat(32), key_id: 'k', sealed_at: 'now' })}\n`);
  const verified = await verify(stack, [stack.config.files.auditAnchors, torn, other]);
  expect(verified.text).toMatch(/^rewritten .*entry 5,/m);
  expect(verified.text).toMatch(/^note +2 lines of the anchor files are no anchors$/m);
  await expect(verify(stack, [join(stack.config.home, 'missing.jsonl')])).rejects.toThrow('ENOENT');
});

/** The environment of a process that works on this installation. */
async function environment(): Promise<NodeJS.ProcessEnv> {
  const { host, port, user, database, password } = stack.metadata;
  const passwordFile = join(stack.config.home, 'metadata.password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  return {
    PGSTEWARD_HOME: stack.config.home,
    PGSTEWARD_METADATA_URL: `postgres://${user}@${host}:${port}/${database}`,
    PGSTEWARD_METADATA_PASSWORD_FILE: passwordFile,
  };
}

async function command(words: string[], change: NodeJS.ProcessEnv = {}): Promise<{ code: number; output: string }> {
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  const { config } = readConfig({ ...(await environment()), ...change });
  const code = await runAudit(config, { words, say, complain: say });
  return { code, output: lines.join('\n') };
}

test('the command is there under npm start, and says by its exit code that the log is intact', async () => {
  const child = spawn(process.execPath, [START, 'audit', 'verify'], {
    env: { ...process.env, ...(await environment()) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    output += part;
  });
  const [code] = await once(child, 'close');
  expect([code, output]).toEqual([0, expect.stringMatching(/^The audit log is intact\.$/m)]);
  expect(output).toMatch(/^entries +\d+, the last one sealed at .*Z$/m);
});

test('its exit code is 1 for a log that is not intact, and 2 for whatever keeps it from saying so', async () => {
  const forged = join(stack.config.home, 'forged.jsonl');
  await writeFile(forged, `${JSON.stringify({ seq: 9_999, mac: 'ab'.repeat(32), key_id: 'k', sealed_at: 'then' })}\n`);
  const nowhere = join(stack.config.home, 'nowhere');
  expect(await command(['verify', '--anchors', stack.config.files.auditAnchors, forged])).toEqual({
    code: 1,
    output: expect.stringMatching(/^cut off +entry 9999 was anchored at then/m),
  });
  const facts = await command(['verify', '--json', '--anchors', forged]);
  expect([facts.code, JSON.parse(facts.output)]).toMatchObject([
    1,
    { result: 'not_intact', findings: [{ kind: 'cut off' }] },
  ]);
  const unsaid: [words: string[], change: NodeJS.ProcessEnv, output: string][] = [
    [['verify', 'everything'], {}, 'usage: pgsteward audit verify'],
    [[], {}, 'usage: pgsteward audit verify'],
    [['verify', '--quickly'], {}, 'usage: pgsteward audit verify'],
    [['verify'], { PGSTEWARD_SEAL_KEYRING_FILE: nowhere }, `${nowhere} does not exist`],
    [['verify'], { PGSTEWARD_METADATA_URL: 'postgres://nobody@127.0.0.1:1/nothing' }, 'ECONNREFUSED'],
    [['verify', '--anchors', nowhere], {}, `'${nowhere}'`],
  ];
  for (const [words, change, output] of unsaid) {
    expect(await command(words, change)).toEqual({ code: 2, output: expect.stringContaining(output) });
  }
});

test('a chain goes on under a new key, and is verified with both', async () => {
  await rotateKeyring(stack.config.files.sealKeyring);
  await addRows(stack, 5);
  expect((await (await newSealer(stack)).seal()).sealed).toBeGreaterThanOrEqual(5);
  const { rows } = await stack.control.db.query('SELECT DISTINCT key_id FROM audit_chain');
  expect(rows).toHaveLength(2);
  expect(await verify(stack)).toMatchObject({ code: 0, found: 0 });
});
