import { randomUUID } from 'node:crypto';
import type { GlobalRole } from '../../domain/authority/roles.ts';
import type { Scope } from '../../domain/authority/scope.ts';
import { makeToken } from '../../platform/secrets/token.ts';
import { insertAccount } from '../../store/accounts.ts';
import { insertToken } from '../../store/tokens.ts';
import type { TestStack } from './stack.ts';

/** An account with a token, ready to call. */
export interface Person {
  account: { id: string; name: string };
  token: { id: string; text: string };
  /** Headers for `stack.as`. */
  credentials: Record<string, string>;
}

/** Makes an account with a token, without the API. */
export async function makePerson(
  stack: Pick<TestStack, 'control'>,
  input: {
    role: GlobalRole;
    scope?: Scope;
    name?: string;
    token?: { role?: GlobalRole; scope?: Scope; expiresAt?: Date };
  },
): Promise<Person> {
  const { db } = stack.control;
  const { role, scope, name = `${role}-${randomUUID().slice(0, 8)}` } = input;
  const account = await insertAccount(db, { name, role, scope, origin: 'made' });
  if (account === undefined) throw new Error(`there is an account ${name} already`);
  const made = makeToken();
  const { id } = await insertToken(db, { ...made, ...input.token, accountId: account.id, name: 'test' });
  return {
    account: { id: account.id, name },
    token: { id, text: made.text },
    credentials: { Authorization: `Bearer ${made.text}` },
  };
}
