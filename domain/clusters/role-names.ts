import { eidOf, uuidOf } from './eid.ts';

/** Roles that every cluster has; `postgres` is its superuser. */
export const CLUSTER_OWN_ROLES = ['application', 'postgres'] as const;
export type ClusterOwnRole = (typeof CLUSTER_OWN_ROLES)[number];

/** A role of a cluster, as the path of a request names it. */
export type NamedRole = { name: ClusterOwnRole; accountId: null } | { name: string; accountId: string };

const OF_ACCOUNT = 'u_';

/** Name of the role of an account. */
export const accountRole = (accountId: string): NamedRole => ({ name: `${OF_ACCOUNT}${eidOf(accountId)}`, accountId });

/**
 * The role that a text names, `user` being that of the account that asks; undefined for what is no name of one.
 * @param of.aliases also `default`, the former name of `postgres`
 */
export function parseRoleName(text: string, of: { accountId: string; aliases: boolean }): NamedRole | undefined {
  if (text === 'user') return accountRole(of.accountId);
  if (text === 'default' && of.aliases) return { name: 'postgres', accountId: null };
  const own = CLUSTER_OWN_ROLES.find((name) => name === text);
  if (own !== undefined) return { name: own, accountId: null };
  const accountId = text.startsWith(OF_ACCOUNT) ? uuidOf(text.slice(OF_ACCOUNT.length)) : undefined;
  return accountId === undefined ? undefined : accountRole(accountId);
}
