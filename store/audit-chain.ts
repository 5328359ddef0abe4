import type pg from 'pg';
import type { ChainHead } from '../domain/audit/chain.ts';
import type { AuditRowText } from '../domain/audit/row.ts';
import { AUDIT_TEXT_COLUMNS, timeText } from './audit-text.ts';
import { inTransaction, type Queryable } from './connection.ts';
import { streamRows } from './stream-rows.ts';

/** Advisory lock of the metadata database: one batch is sealed, or removed, at a time. */
export const SEALING_LOCK = 7_067_325_412;
/** Rows may hold whole specifications: so few of them are in memory at a time. */
const ROWS_AT_A_TIME = 200;

/** The end of the chain, with the look before its last batch. */
export interface StoredHead extends ChainHead {
  absentAt: string | null;
}

const HEAD = `SELECT seq, encode(mac, 'hex') AS mac, key_id AS "keyId", ${timeText('sealed_at')} AS "sealedAt",
  ${timeText('absent_at')} AS "absentAt" FROM audit_chain ORDER BY seq DESC LIMIT 1`;

/** What a look at the chain finds. */
export interface ChainLook {
  /** Time of the metadata server. What is not seen by this look is committed later. */
  at: string;
  waiting: boolean;
  head: StoredHead | undefined;
}

/** Looks, in one round trip, whether there is anything to seal. */
export async function lookAtChain(db: Queryable): Promise<ChainLook> {
  const { rows } = await db.query<Omit<ChainLook, 'head'> & Omit<StoredHead, 'seq'> & { seq: number | null }>(
    `SELECT ${timeText('statement_timestamp()')} AS at, EXISTS (SELECT FROM audit_unsealed) AS waiting, head.*
     FROM (SELECT) AS one LEFT JOIN (${HEAD}) AS head ON true`,
  );
  const row = rows[0];
  if (row === undefined) throw new Error('a look at the audit chain gave no row');
  const { at, waiting, seq, ...head } = row;
  return { at, waiting, head: seq === null ? undefined : { seq, ...head } };
}

/** The MAC of an entry, where there is one. */
export async function macOfEntry(db: Queryable, seq: number): Promise<string | undefined> {
  const { rows } = await db.query<{ mac: string }>(`SELECT encode(mac, 'hex') AS mac FROM audit_chain WHERE seq = $1`, [
    seq,
  ]);
  return rows[0]?.mac;
}

/** How the next entries are made. */
export interface Sealing {
  /** Most rows of this batch. */
  limit: number;
  keyId: string;
  /** A look at which none of the rows that are sealed now was there, by the head that is found; null: unknown. */
  absentAt(head: StoredHead | undefined): string | null;
  /** The MAC of an entry; `previous` is undefined for the first one. */
  macOf(previous: string | undefined, link: Omit<StoredHead, 'mac'> & { row: AuditRowText }): string;
}

export interface SealedBatch {
  /** Rows that this batch added; fewer than the limit when none is left. */
  rows: number;
  sealedAt: string;
  head: StoredHead | undefined;
}

/**
 * Adds the next rows to the chain: one transaction, one statement for all of them. Rows come in the order of their ids within a
 * batch; one that was committed late comes with the batch that sees it.
 */
export function sealBatch(pool: pg.Pool, sealing: Sealing): Promise<SealedBatch> {
  const { limit, keyId } = sealing;
  return inTransaction(pool, async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [SEALING_LOCK]);
    const { rows } = await tx.query<{ at: string }>(`SELECT ${timeText('clock_timestamp()')} AS at`);
    const sealedAt = rows[0]?.at ?? '';
    let head = (await tx.query<StoredHead>(HEAD)).rows[0];
    const absentAt = sealing.absentAt(head);
    const [first, ids, macs] = [head?.seq ?? 0, [] as number[], [] as Buffer[]];
    for await (const row of unsealedRows(tx, limit)) {
      const link = { seq: first + ids.length + 1, keyId, sealedAt, absentAt };
      const mac = sealing.macOf(head?.mac, { ...link, row });
      ids.push(row.id);
      macs.push(Buffer.from(mac, 'hex'));
      head = { ...link, mac };
    }
    if (ids.length > 0) await insertLinks(tx, { first, ids, macs, keyId, sealedAt, absentAt });
    return { rows: ids.length, sealedAt, head };
  });
}

/** What is noted and not chained yet. A note whose row is gone stays: it is evidence. */
function unsealedRows(tx: pg.PoolClient, limit: number): AsyncIterable<AuditRowText> {
  return streamRows(tx, {
    text: `SELECT ${AUDIT_TEXT_COLUMNS} FROM audit_unsealed u JOIN audit_log a ON a.id = u.audit_id
      WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.audit_id = a.id) ORDER BY a.id LIMIT $1`,
    values: [limit],
    atATime: ROWS_AT_A_TIME,
  });
}

async function insertLinks(
  tx: pg.PoolClient,
  links: {
    /** Number before the first one. */
    first: number;
    ids: number[];
    macs: Buffer[];
    keyId: string;
    sealedAt: string;
    absentAt: string | null;
  },
): Promise<void> {
  await tx.query(
    `WITH sealed AS (
       INSERT INTO audit_chain (seq, audit_id, mac, key_id, sealed_at, absent_at)
       SELECT $1::bigint + n, audit_id, mac, $4, $5::timestamptz, $6::timestamptz
       FROM unnest($2::bigint[], $3::bytea[]) WITH ORDINALITY AS link (audit_id, mac, n)
     )
     DELETE FROM audit_unsealed WHERE audit_id = ANY ($2::bigint[])`,
    [links.first, links.ids, links.macs, links.keyId, links.sealedAt, links.absentAt],
  );
}
