import type { Queryable } from './connection.ts';
import type { StoredSecret } from './secrets.ts';

/** The next secrets that another key than this one has sealed, in the order of their ids. */
export async function secretsUnderOtherKeys(
  db: Queryable,
  input: { keyId: string; after: Pick<StoredSecret, 'id' | 'version'> | undefined; limit: number },
): Promise<StoredSecret[]> {
  const { rows } = await db.query<StoredSecret>(
    `SELECT id, owner, version, key_id AS "keyId", sealed FROM secrets
     WHERE key_id <> $1 AND (id, version) > ($2, $3) ORDER BY id, version LIMIT $4`,
    [input.keyId, input.after?.id ?? '', input.after?.version ?? 0, input.limit],
  );
  return rows;
}

/** A secret as it is, and as it is to be. */
export interface Resealed {
  from: StoredSecret;
  to: Pick<StoredSecret, 'keyId' | 'sealed'>;
}

/** Replaces secrets by themselves under another key; one that was changed or removed meanwhile is left alone. @returns how many */
export async function replaceSealed(db: Queryable, resealed: readonly Resealed[]): Promise<number> {
  const { rowCount } = await db.query(
    `UPDATE secrets s SET key_id = r.key_id, sealed = r.sealed
     FROM unnest($1::text[], $2::int[], $3::bytea[], $4::text[], $5::bytea[]) AS r (id, version, was, key_id, sealed)
     WHERE s.id = r.id AND s.version = r.version AND s.sealed = r.was`,
    [
      resealed.map(({ from }) => from.id),
      resealed.map(({ from }) => from.version),
      resealed.map(({ from }) => from.sealed),
      resealed.map(({ to }) => to.keyId),
      resealed.map(({ to }) => to.sealed),
    ],
  );
  return rowCount ?? 0;
}

/**
 * Forgets fingerprints of passwords under other keys. They cannot be made anew without the passwords, and are only there to spare
 * servers a password that they have. @returns how many
 */
export async function forgetFingerprints(db: Queryable, keyId: string): Promise<number> {
  const { rowCount } = await db.query(
    `UPDATE credentials SET password_fingerprint = NULL
     WHERE password_fingerprint IS NOT NULL AND split_part(password_fingerprint, ':', 1) <> $1`,
    [keyId],
  );
  return rowCount ?? 0;
}

/** What a key is still needed for. */
export interface KeyUse {
  keyId: string;
  /** Stored secrets. */
  secrets: number;
  /** Requests that are open, or whose answer may still be asked for again. */
  requests: number;
  /** Entries of the audit chain, and its checkpoints: to verify them. */
  auditEntries: number;
}

/** By key, those that are used at all. */
export async function keyUses(db: Queryable): Promise<KeyUse[]> {
  const { rows } = await db.query<KeyUse>(
    `WITH used AS (
       SELECT key_id, count(*) AS secrets, 0 AS requests, 0 AS entries FROM secrets GROUP BY 1
       UNION ALL SELECT split_part(request_hash, ':', 1), 0, count(*), 0 FROM (
         SELECT request_hash FROM idempotency_keys
         UNION ALL SELECT request_hash FROM tasks
           WHERE status IN ('pending', 'running', 'canceling') AND request_hash LIKE '%:%') AS open GROUP BY 1
       UNION ALL SELECT key_id, 0, 0, count(*) FROM (
         SELECT key_id FROM audit_chain UNION ALL SELECT key_id FROM audit_checkpoints) AS chain GROUP BY 1
     )
     SELECT key_id AS "keyId", sum(secrets)::int AS secrets, sum(requests)::int AS requests, sum(entries)::bigint AS "auditEntries"
     FROM used GROUP BY 1 ORDER BY 1`,
  );
  return rows;
}
