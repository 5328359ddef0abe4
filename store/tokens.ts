import { v7 as uuidv7 } from 'uuid';
import type { GlobalRole } from '../domain/authority/roles.ts';
import type { Scope } from '../domain/authority/scope.ts';
import type { AccountOrigin } from './accounts.ts';
import type { Queryable } from './connection.ts';
import { prepared } from './prepared.ts';
import { readShared } from './shared-read.ts';

/** What is known of a token; the secret is nowhere. */
export interface TokenRecord {
  id: string;
  accountId: string;
  /** Of the account. */
  accountName: string;
  name: string;
  format: string;
  /** First characters. */
  shown: string;
  /** Null: that of the account. */
  role: GlobalRole | null;
  /** Null: that of the account. */
  scope: Scope | null;
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
}

/** A token that is to be. */
export interface NewTokenRecord {
  accountId: string;
  name: string;
  format: string;
  hash: Buffer;
  shown: string;
  role?: GlobalRole | undefined;
  scope?: Scope | undefined;
  expiresAt?: Date | undefined;
  /** The token that it was given for: revoked with it. */
  parentId?: string | undefined;
}

const COLUMNS = `t.id, t.account_id AS "accountId", a.name AS "accountName", t.name, t.format, t.shown, t.role, t.scope,
  t.created_at AS "createdAt", t.expires_at AS "expiresAt", t.revoked_at AS "revokedAt", t.last_used_at AS "lastUsedAt"`;
const FROM = 'tokens t JOIN accounts a ON a.id = t.account_id';

/** A token that came with a request, with its account. */
export interface PresentedToken {
  tokenId: string;
  tokenRole: GlobalRole | null;
  tokenScope: Scope | null;
  expiresAt: Date | null;
  expired: boolean;
  revoked: boolean;
  /** Its use is to be noted again. */
  useIsStale: boolean;
  accountId: string;
  accountName: string;
  accountRole: GlobalRole;
  accountScope: Scope | null;
  origin: AccountOrigin;
  disabled: boolean;
}

/** How exact `last_used_at` is. */
const USE_NOTED_EVERY = `interval '1 minute'`;

const FIND_PRESENTED = prepared(
  'find_presented_token',
  `SELECT t.id AS "tokenId", t.role AS "tokenRole", t.scope AS "tokenScope", t.expires_at AS "expiresAt",
     coalesce(t.expires_at <= now(), false) AS expired, t.revoked_at IS NOT NULL AS revoked,
     t.last_used_at IS NULL OR t.last_used_at < now() - ${USE_NOTED_EVERY} AS "useIsStale",
     a.id AS "accountId", a.name AS "accountName", a.role AS "accountRole", a.scope AS "accountScope", a.origin,
     a.disabled_at IS NOT NULL AS disabled
   FROM ${FROM} WHERE t.hash = $1`,
);

/** The one lookup of each request with a token: what was revoked or disabled a moment ago is so. */
export async function findPresentedToken(db: Queryable, hash: Buffer): Promise<PresentedToken | undefined> {
  const [token] = await readShared<PresentedToken>(db, FIND_PRESENTED([hash]));
  return token;
}

/** Notes that a token was used, at most once a minute. */
export async function noteTokenUse(db: Queryable, id: string): Promise<void> {
  await db.query(
    `UPDATE tokens SET last_used_at = now()
     WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - ${USE_NOTED_EVERY})`,
    [id],
  );
}

export async function insertToken(db: Queryable, token: NewTokenRecord): Promise<TokenRecord> {
  const id = uuidv7();
  await db.query(
    `INSERT INTO tokens (id, account_id, name, format, hash, shown, role, scope, expires_at, parent_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      id,
      token.accountId,
      token.name,
      token.format,
      token.hash,
      token.shown,
      token.role ?? null,
      token.scope ?? null,
      token.expiresAt ?? null,
      token.parentId ?? null,
    ],
  );
  const inserted = await findToken(db, id);
  if (inserted === undefined) throw new Error('INSERT INTO tokens left no row');
  return inserted;
}

export async function findToken(db: Queryable, id: string): Promise<TokenRecord | undefined> {
  const { rows } = await db.query<TokenRecord>(`SELECT ${COLUMNS} FROM ${FROM} WHERE t.id = $1`, [id]);
  return rows[0];
}

/** Tokens of an account or of all, in the order in which they were made; `afterId` is exclusive. */
export async function listTokens(
  db: Queryable,
  page: { accountId?: string | undefined; afterId?: string | undefined; limit: number },
): Promise<TokenRecord[]> {
  const { rows } = await db.query<TokenRecord>(
    `SELECT ${COLUMNS} FROM ${FROM}
     WHERE ($1::uuid IS NULL OR t.account_id = $1) AND ($2::uuid IS NULL OR t.id > $2) ORDER BY t.id LIMIT $3`,
    [page.accountId ?? null, page.afterId ?? null, page.limit],
  );
  return rows;
}

/** A token that is not revoked, and stays so until the transaction ends. */
export async function holdToken(tx: Queryable, id: string): Promise<TokenRecord | undefined> {
  const { rows } = await tx.query<TokenRecord>(
    `SELECT ${COLUMNS} FROM ${FROM} WHERE t.id = $1 AND t.revoked_at IS NULL FOR SHARE OF t`,
    [id],
  );
  return rows[0];
}

/** Ends a token for good, and those that were given for it. @returns false when it was revoked before */
export async function revokeToken(db: Queryable, id: string): Promise<boolean> {
  const { rows } = await db.query<{ id: string }>(
    'UPDATE tokens SET revoked_at = now() WHERE (id = $1 OR parent_id = $1) AND revoked_at IS NULL RETURNING id',
    [id],
  );
  return rows.some((revoked) => revoked.id === id);
}

/** Forgets tokens that were given for others and ended a day ago: programs take one for each of their runs. */
export async function pruneGivenTokens(db: Queryable, accountId: string): Promise<void> {
  await db.query(
    `DELETE FROM tokens WHERE account_id = $1 AND parent_id IS NOT NULL AND expires_at < now() - interval '1 day'`,
    [accountId],
  );
}
