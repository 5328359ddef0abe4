import { readFile } from 'node:fs/promises';
import { createAuditSealer } from '../../../activities/control/audit/sealer.ts';
import { reportOf } from '../../../domain/audit/report.ts';
import type { Verdict } from '../../../domain/audit/verify.ts';
import { createChainMac } from '../../../platform/secrets/chain-mac.ts';
import { loadKeyring } from '../../../platform/secrets/keyring.ts';
import { verifyAudit } from '../../../worker/audit/verify.ts';
import type { TestStack } from '../../support/stack.ts';

/** Adds rows as writers do, of one resource. @returns their ids */
export async function addRows(stack: TestStack, count: number, resource = 'database/filled'): Promise<number[]> {
  const { rows } = await stack.control.db.query<{ id: number }>(
    `INSERT INTO audit_log (kind, actor, token_id, source, request_id, action, resource, outcome, detail)
     SELECT 'outcome', 'filler', 'token-' || n % 3, '10.0.0.' || n % 250, 'request-' || n, 'database.update', $2, 'completed',
            jsonb_build_object('n', n, 'before', null, 'text', 'Zoë "quoted" ' || n)
     FROM generate_series(1, $1::int) n RETURNING id`,
    [count, resource],
  );
  return rows.map(({ id }) => id);
}

/** A sealer that has just been started: it remembers nothing. */
export async function newSealer(stack: TestStack, anchorFile = stack.config.files.auditAnchors) {
  const { db, installationId } = stack.control;
  const mac = createChainMac(await loadKeyring(stack.config.files.sealKeyring));
  return createAuditSealer({ db, installationId, mac, anchorFile, log: stack.api.log });
}

export interface Verified extends Verdict {
  code: number;
  text: string;
}

/** Verifies as the command does. */
export async function verify(
  stack: TestStack,
  anchorFiles: readonly string[] = [stack.config.files.auditAnchors],
): Promise<Verified> {
  const keyring = await loadKeyring(stack.config.files.sealKeyring);
  const verification = await verifyAudit(stack.control.db, { keyring, anchorFiles });
  const { code, lines } = reportOf(verification);
  return { ...verification.verdict, code, text: lines.join('\n') };
}

const TABLES = ['audit_log', 'audit_chain', 'audit_unsealed'] as const;

/** Runs statements of a superuser who goes around the triggers, gives what `then` gives, and puts everything back. */
export async function withTampering<T>(stack: TestStack, sql: string, then: () => Promise<T>): Promise<T> {
  const { db } = stack.control;
  const client = await db.connect();
  const run = (text: string) => client.query(text);
  try {
    await run('SET session_replication_role = replica');
    for (const table of TABLES) await run(`CREATE TABLE kept_${table} AS TABLE ${table}`);
    await run(sql);
    await run('RESET session_replication_role');
    return await then();
  } finally {
    await run('SET session_replication_role = replica');
    for (const table of TABLES) {
      await run(`DELETE FROM ${table}`);
      await run(`INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_${table}`);
      await run(`DROP TABLE kept_${table}`);
    }
    client.release(true);
  }
}

/** Lines of the anchor file. */
export async function anchorsIn(file: string): Promise<{ seq: number; mac: string; sealed_at: string }[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
