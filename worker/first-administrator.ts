import type pg from 'pg';
import { auditChange } from '../api/audit-change.ts';
import { formatOf } from '../domain/authority/token-format.ts';
import { createPrivateFile, readPrivateFile } from '../platform/files/private-file.ts';
import { writePrivateFile } from '../platform/files/write-private-file.ts';
import { describeToken, makeToken, type NewToken } from '../platform/secrets/token.ts';
import {
  type AccountRecord,
  findAccountByName,
  insertAccount,
  lockAccounts,
  lockAdministrators,
  updateAccount,
} from '../store/accounts.ts';
import { inTransaction, type Queryable } from '../store/connection.ts';
import { findPresentedToken, insertToken } from '../store/tokens.ts';
import { START_UP } from './start-up-actor.ts';

/** Account of the first administrator. */
export const FIRST_ADMINISTRATOR = 'admin';
const TOKEN_NAME = 'first start';

interface Options {
  /** Gets the token, with mode 0600. */
  file: string;
  /**
   * `first`: only while nobody can administer everything. `lost`: also when the file is gone. `always`: a new token in any case.
   */
  when: 'first' | 'lost' | 'always';
}

/**
 * Sees to it that somebody can administer this installation: makes the account `admin` with a token, and writes that to a file.
 * @returns whether a token was made
 */
export function ensureAdministrator(db: pg.Pool, { file, when }: Options): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    await lockAccounts(tx);
    const known = await findAccountByName(tx, FIRST_ADMINISTRATOR);
    const hasAdministrators = (await lockAdministrators(tx)).length > 0;
    if (hasAdministrators && when === 'first') return false;
    if (hasAdministrators && when === 'lost') {
      const isLost = await readPrivateFile(file).then(
        () => false,
        () => true,
      );
      // Others took its rights away: they are whom to ask.
      if (!isLost || known?.disabledAt !== null || known.role !== 'admin') return false;
    }
    const account = await administrator(tx, known);
    const token = await tokenFor(tx, file, when === 'always');
    const { id, shown } = await insertToken(tx, { ...token, accountId: account.id, name: TOKEN_NAME });
    await auditChange(tx, START_UP, {
      action: 'token.create',
      resource: `token/${id}`,
      detail: { after: { account: account.name, shown } },
    });
    return true;
  });
}

async function administrator(tx: Queryable, known: AccountRecord | undefined): Promise<AccountRecord> {
  if (known?.role === 'admin' && known.scope === null && known.disabledAt === null) return known;
  const account =
    known === undefined
      ? await insertAccount(tx, { name: FIRST_ADMINISTRATOR, role: 'admin', origin: 'made' })
      : await updateAccount(tx, { id: known.id, change: { role: 'admin', scope: null, disabled: false } });
  if (account === undefined) throw new Error('the first administrator could not be made');
  await auditChange(tx, START_UP, {
    action: known === undefined ? 'account.create' : 'account.change',
    resource: `account/${account.id}`,
    detail: { after: { name: account.name, role: 'admin', scope: null } },
  });
  return account;
}

/**
 * The token for the file, which is there before anybody can use it. One that an earlier start left there, whose database is gone
 * or was never told, is taken.
 */
async function tokenFor(tx: Queryable, file: string, anew: boolean): Promise<NewToken> {
  const made = makeToken();
  if (!anew) {
    if (await createPrivateFile(file, `${made.text}\n`)) return made;
    const text = (await readPrivateFile(file)).trim();
    const format = formatOf(text);
    const left = format === undefined ? undefined : describeToken(format, text);
    if (left !== undefined && (await findPresentedToken(tx, left.hash)) === undefined) return left;
  }
  await writePrivateFile(file, `${made.text}\n`);
  return made;
}
