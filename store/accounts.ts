import { v7 as uuidv7 } from 'uuid';
import type { GlobalRole } from '../domain/authority/roles.ts';
import type { Scope } from '../domain/authority/scope.ts';
import type { Queryable } from './connection.ts';
import { prepared } from './prepared.ts';
import { readShared } from './shared-read.ts';

/** How an account came to be: by an administrator, with this program, or with a JWT of the issuer. */
export type AccountOrigin = 'made' | 'built_in' | 'issuer';

/** Who may call. */
export interface AccountRecord {
  id: string;
  /** What audit rows and idempotency keys have; never changes. */
  name: string;
  email: string | null;
  role: GlobalRole;
  /** Null: without bounds. */
  scope: Scope | null;
  origin: AccountOrigin;
  createdAt: Date;
  disabledAt: Date | null;
}

/** An account that is to be. */
export interface NewAccount {
  name: string;
  email?: string | undefined;
  role: GlobalRole;
  scope?: Scope | undefined;
  origin: AccountOrigin;
}

/** Account of everybody on the open loopback listener. */
export const LOOPBACK_ACCOUNT = 'loopback';

const COLUMNS = `id, name, email, role, scope, origin, created_at AS "createdAt", disabled_at AS "disabledAt"`;

/** @returns undefined when the name is taken */
export async function insertAccount(db: Queryable, account: NewAccount): Promise<AccountRecord | undefined> {
  const { rows } = await db.query<AccountRecord>(
    `INSERT INTO accounts (id, name, email, role, scope, origin) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`,
    [uuidv7(), account.name, account.email ?? null, account.role, account.scope ?? null, account.origin],
  );
  return rows[0];
}

const FIND_BY_NAME = prepared('find_account_by_name', `SELECT ${COLUMNS} FROM accounts WHERE name = $1`);

export async function findAccountByName(db: Queryable, name: string): Promise<AccountRecord | undefined> {
  const [account] = await readShared<AccountRecord>(db, FIND_BY_NAME([name]));
  return account;
}

/** Names of the accounts that have the e-mail address of one, itself included: they are taken to be of one person. */
export async function accountsOfPerson(db: Queryable, name: string): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT other.name FROM accounts me JOIN accounts other ON lower(trim(other.email)) = lower(trim(me.email))
     WHERE me.name = $1 AND other.name <> $1 ORDER BY other.name`,
    [name],
  );
  return [name, ...rows.map((row) => row.name)];
}

export async function findAccount(db: Queryable, id: string): Promise<AccountRecord | undefined> {
  const { rows } = await db.query<AccountRecord>(`SELECT ${COLUMNS} FROM accounts WHERE id = $1`, [id]);
  return rows[0];
}

/** Accounts in the order in which they were made; `afterId` is exclusive. */
export async function listAccounts(
  db: Queryable,
  page: { afterId?: string | undefined; limit: number },
): Promise<AccountRecord[]> {
  const { rows } = await db.query<AccountRecord>(
    `SELECT ${COLUMNS} FROM accounts WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2`,
    [page.afterId ?? null, page.limit],
  );
  return rows;
}

/** What can change of an account; what is left out stays. Null takes e-mail address or bounds away. */
export interface AccountChange {
  email?: string | null | undefined;
  role?: GlobalRole | undefined;
  scope?: Scope | null | undefined;
  disabled?: boolean | undefined;
}

/** @returns the account as it is now */
export async function updateAccount(
  db: Queryable,
  input: { id: string; change: AccountChange },
): Promise<AccountRecord | undefined> {
  const { email, role, scope, disabled } = input.change;
  const { rows } = await db.query<AccountRecord>(
    `UPDATE accounts SET
       email = CASE WHEN $2 THEN $3 ELSE email END,
       role = coalesce($4, role),
       scope = CASE WHEN $5 THEN $6::jsonb ELSE scope END,
       disabled_at = CASE WHEN $7::boolean IS NULL THEN disabled_at WHEN $7 THEN coalesce(disabled_at, now()) END
     WHERE id = $1 RETURNING ${COLUMNS}`,
    [input.id, email !== undefined, email ?? null, role ?? null, scope !== undefined, scope ?? null, disabled ?? null],
  );
  return rows[0];
}

/** The account, locked until the transaction ends. */
export async function lockAccount(tx: Queryable, id: string): Promise<AccountRecord | undefined> {
  const { rows } = await tx.query<AccountRecord>(`SELECT ${COLUMNS} FROM accounts WHERE id = $1 FOR UPDATE`, [id]);
  return rows[0];
}

/**
 * Ids of the accounts that can administer everything, locked until the transaction ends: of two requests that would each take one
 * of the last two away, the second sees what the first did.
 */
export async function lockAdministrators(tx: Queryable): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `SELECT id FROM accounts WHERE origin = 'made' AND role = 'admin' AND scope IS NULL AND disabled_at IS NULL
     ORDER BY id FOR UPDATE`,
  );
  return rows.map(({ id }) => id);
}

/** Takes accounts and tokens until the transaction ends: of several processes that start at once, one makes the first administrator. */
export async function lockAccounts(tx: Queryable): Promise<void> {
  await tx.query('LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE');
}
