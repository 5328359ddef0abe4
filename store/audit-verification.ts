import type pg from 'pg';
import type { ChainEntry } from '../domain/audit/chain.ts';
import type { StoredCheckpoint } from '../domain/audit/checkpoint.ts';
import type { AuditRowText } from '../domain/audit/row.ts';
import type { UnchainedRow } from '../domain/audit/verify.ts';
import { listCheckpoints } from './audit-checkpoints.ts';
import { AUDIT_TEXT_COLUMNS, timeText } from './audit-text.ts';
import { streamRows } from './stream-rows.ts';

/** Rows may hold whole specifications: so few of them are in memory at a time. */
const ROWS_AT_A_TIME = 200;

/** The whole log as it is at one moment. */
export interface AuditSnapshot {
  /** Time of the metadata server. */
  at: string;
  installationId: string;
  /** Where the chain began anew, in the order of the numbers. */
  checkpoints(): Promise<StoredCheckpoint[]>;
  /** Every entry of the chain, in the order of the numbers. */
  entries(): AsyncIterable<ChainEntry>;
  /** Rows that the chain does not have, in the order of their ids. */
  unchained(): AsyncIterable<UnchainedRow>;
  /** Ids of rows that wait to be sealed and are not there. */
  vanished(): AsyncIterable<{ auditId: number }>;
}

type EntryRow = Omit<ChainEntry, 'row'> & { [Column in keyof AuditRowText]: AuditRowText[Column] | null };

/** Reads the audit log in one snapshot, streamed, without writing anything. */
export async function readAuditSnapshot<T>(pool: pg.Pool, read: (snapshot: AuditSnapshot) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    // A look for rows that are not there goes through the whole log.
    await client.query('SET LOCAL statement_timeout = 0');
    const { rows } = await client.query<{ at: string; installationId: string }>(
      `SELECT ${timeText('now()')} AS at, id AS "installationId" FROM installation`,
    );
    if (rows[0] === undefined) throw new Error('the metadata database lost its installation row');
    return await read({
      ...rows[0],
      checkpoints: () => listCheckpoints(client),
      entries: () => entriesOf(client),
      unchained: () =>
        streamRows(client, {
          text: `SELECT a.id, ${timeText('a.recorded_at')} AS "recordedAt", u.audit_id IS NOT NULL AS noted
           FROM audit_log a LEFT JOIN audit_unsealed u ON u.audit_id = a.id
           WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.audit_id = a.id) ORDER BY a.id`,
          atATime: ROWS_AT_A_TIME,
        }),
      vanished: () =>
        streamRows(client, {
          text: `SELECT u.audit_id AS "auditId" FROM audit_unsealed u
           WHERE NOT EXISTS (SELECT FROM audit_log a WHERE a.id = u.audit_id) ORDER BY u.audit_id`,
          atATime: ROWS_AT_A_TIME,
        }),
    });
  } finally {
    // Closed with whatever is under way on it: nothing was written.
    client.release(true);
  }
}

async function* entriesOf(client: pg.PoolClient): AsyncGenerator<ChainEntry> {
  const rows = streamRows<EntryRow>(client, {
    text: `SELECT c.seq, c.audit_id AS "auditId", encode(c.mac, 'hex') AS mac, c.key_id AS "keyId",
       ${timeText('c.sealed_at')} AS "sealedAt", ${timeText('c.absent_at')} AS "absentAt", ${AUDIT_TEXT_COLUMNS}
     FROM audit_chain c LEFT JOIN audit_log a ON a.id = c.audit_id ORDER BY c.seq`,
    atATime: ROWS_AT_A_TIME,
  });
  for await (const { seq, auditId, mac, keyId, sealedAt, absentAt, ...row } of rows) {
    yield { seq, auditId, mac, keyId, sealedAt, absentAt, row: row.id === null ? null : (row as AuditRowText) };
  }
}
