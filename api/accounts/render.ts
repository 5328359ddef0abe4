import type { z } from '@hono/zod-openapi';
import type { Scope } from '../../domain/authority/scope.ts';
import { eidOf } from '../../domain/clusters/eid.ts';
import type { AccountRecord } from '../../store/accounts.ts';
import type { TokenRecord } from '../../store/tokens.ts';
import type { accountSchema, tokenSchema } from '../schemas/account.ts';
import { timestamp } from '../time.ts';

export function renderAccount(account: AccountRecord): z.infer<typeof accountSchema> {
  const { id, name, email, role, scope, origin, createdAt, disabledAt } = account;
  return {
    id,
    eid: eidOf(id),
    name,
    ...(email === null ? {} : { email }),
    role,
    ...(scope === null ? {} : { scope: renderScope(scope) }),
    origin,
    created_at: timestamp(createdAt),
    ...(disabledAt === null ? {} : { disabled_at: timestamp(disabledAt) }),
  };
}

export function renderToken(token: TokenRecord): z.infer<typeof tokenSchema> {
  const { id, accountName, name, shown, role, scope, createdAt, expiresAt, revokedAt, lastUsedAt } = token;
  return {
    id,
    account: accountName,
    name,
    prefix: shown,
    ...(role === null ? {} : { role }),
    ...(scope === null ? {} : { scope: renderScope(scope) }),
    created_at: timestamp(createdAt),
    ...(expiresAt === null ? {} : { expires_at: timestamp(expiresAt) }),
    ...(revokedAt === null ? {} : { revoked_at: timestamp(revokedAt) }),
    ...(lastUsedAt === null ? {} : { last_used_at: timestamp(lastUsedAt) }),
  };
}

/** A scope as answers have it. */
export function renderScope(scope: Scope): { -readonly [Kind in keyof Scope]: string[] } {
  return Object.fromEntries(Object.entries(scope).map(([kind, names]) => [kind, [...names]]));
}
