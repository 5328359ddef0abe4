/** What a scope can name. */
export const SCOPE_KINDS = ['environments', 'servers', 'databases'] as const;
export type ScopeKind = (typeof SCOPE_KINDS)[number];

/**
 * What a caller is confined to. Without a scope there is no bound; with one, a kind that is left out means none of that kind,
 * and what belongs to the whole installation (tokens, registrations) is out of reach.
 */
export type Scope = { readonly [Kind in ScopeKind]?: readonly string[] };

/** Whether something of this name is within a scope. */
export function covers(scope: Scope | undefined, kind: ScopeKind, name: string): boolean {
  return scope === undefined || (scope[kind]?.includes(name) ?? false);
}
