import type { z } from '@hono/zod-openapi';
import {
  type AccountChange,
  type AccountRecord,
  insertAccount,
  LOOPBACK_ACCOUNT,
  lockAccount,
  lockAdministrators,
  updateAccount,
} from '../../store/accounts.ts';
import type { Queryable } from '../../store/connection.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidInput } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { accountSchema, type newAccountSchema } from '../schemas/account.ts';
import { renderAccount } from './render.ts';

type Account = z.infer<typeof accountSchema>;

/** What the audit log has as actors although they have no account, and who is known without one. */
const RESERVED: ReadonlySet<string> = new Set([LOOPBACK_ACCOUNT, 'anonymous', 'start-up', 'pgsteward', 'system']);

/** @throws ApiError 409 for a name that is taken */
export function createAccount(deps: ApiDeps, caller: Caller, body: z.infer<typeof newAccountSchema>): Promise<Account> {
  const change = changeRequest(deps, { caller, route: 'POST /v1/accounts', content: body, answer: accountSchema });
  if (RESERVED.has(body.name)) throw invalidInput([{ path: 'name', message: 'is a name of this program itself' }]);
  return change.atOnce(async (tx) => {
    const account = await insertAccount(tx, { ...body, origin: 'made' });
    if (account === undefined) {
      throw new ApiError('account_already_exists', `an account with the name "${body.name}" exists already`);
    }
    await audit(tx, caller, 'account.create', account);
    return renderAccount(account);
  });
}

/** @throws ApiError 404, 403 for accounts that follow something else, 409 for the last administrator */
export function changeAccount(
  deps: ApiDeps,
  caller: Caller,
  request: { id: string; route: string; change: AccountChange },
): Promise<Account> {
  const { id, route, change } = request;
  const content = { id, change };
  const keyed = changeRequest(deps, { caller, route, content, answer: accountSchema });
  return keyed.atOnce(async (tx) => {
    // The same order for all, so that two requests never wait for each other crosswise.
    const administrators = await lockAdministrators(tx);
    const before = await lockAccount(tx, id);
    if (before === undefined) throw noSuchAccount();
    assertChangeable(before, change);
    const account = await updateAccount(tx, { id, change });
    if (account === undefined) throw noSuchAccount();
    if (administrators.length === 1 && administrators[0] === id && !administersAll(account)) {
      throw new ApiError(
        'last_administrator',
        `account "${account.name}" is the last one that can administer everything; make another one first`,
      );
    }
    await audit(tx, caller, 'account.change', account, before);
    return renderAccount(account);
  });
}

function administersAll({ role, scope, disabledAt }: AccountRecord): boolean {
  return role === 'admin' && scope === null && disabledAt === null;
}

function assertChangeable({ name, origin }: AccountRecord, change: AccountChange): void {
  if (name === LOOPBACK_ACCOUNT) {
    throw new ApiError(
      'forbidden',
      'this account is everybody on the open loopback listener: PGSTEWARD_AUTH=required ends it',
    );
  }
  if (origin === 'issuer' && (change.role !== undefined || change.scope !== undefined || change.email !== undefined)) {
    throw new ApiError(
      'forbidden',
      'this account is as its JWTs say; it can be disabled here, and changed at the issuer',
    );
  }
}

function audit(
  tx: Queryable,
  caller: Caller,
  action: string,
  account: AccountRecord,
  before?: AccountRecord,
): Promise<void> {
  return auditChange(tx, caller, {
    action,
    resource: `account/${account.id}`,
    detail: { ...(before === undefined ? {} : { before: detailOf(before) }), after: detailOf(account) },
  });
}

function detailOf({ name, role, scope, disabledAt }: AccountRecord) {
  return { name, role, scope, disabled: disabledAt !== null };
}

/** 404 for an account that is not there. */
export function noSuchAccount(): ApiError {
  return new ApiError('not_found', 'no account found with the given ID');
}
