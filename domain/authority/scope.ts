import { z } from 'zod';

/** What a scope can name. */
const SCOPE_KINDS = ['environments', 'servers', 'databases'] as const;
export type ScopeKind = (typeof SCOPE_KINDS)[number];

/**
 * What a caller is confined to. Without a scope there is no bound; with one, a kind that is left out means none of that kind,
 * and what belongs to the whole installation (tokens, registrations) is out of reach.
 */
export type Scope = { readonly [Kind in ScopeKind]?: readonly string[] };

const MAX_NAMES = 1000;
const names = z.array(z.string().min(1).max(255)).max(MAX_NAMES);

/** A scope as requests and settings write it. */
export const scopeSchema = z
  .strictObject({ environments: names.optional(), servers: names.optional(), databases: names.optional() })
  .transform((scope): Scope => {
    const given = SCOPE_KINDS.flatMap((kind) => (scope[kind] === undefined ? [] : [[kind, distinct(scope[kind])]]));
    return Object.fromEntries(given) as Scope;
  });

/** Whether something of this name is within a scope. */
export function covers(scope: Scope | undefined, kind: ScopeKind, name: string): boolean {
  return scope === undefined || (scope[kind]?.includes(name) ?? false);
}

/** Whether everything in `inner` is within `outer`. */
export function isWithin(inner: Scope | undefined, outer: Scope | undefined): boolean {
  if (outer === undefined) return true;
  if (inner === undefined) return false;
  return SCOPE_KINDS.every((kind) => (inner[kind] ?? []).every((name) => covers(outer, kind, name)));
}

/** What is within both. */
export function intersection(a: Scope | undefined, b: Scope | undefined): Scope | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return combine((kind) => (a[kind] ?? []).filter((name) => covers(b, kind, name)));
}

/** What is within one of them at least. */
export function union(a: Scope | undefined, b: Scope | undefined): Scope | undefined {
  if (a === undefined || b === undefined) return undefined;
  return combine((kind) => distinct([...(a[kind] ?? []), ...(b[kind] ?? [])]));
}

function combine(namesOf: (kind: ScopeKind) => string[]): Scope {
  return Object.fromEntries(
    SCOPE_KINDS.map((kind) => [kind, namesOf(kind)] as const).filter(([, found]) => found.length > 0),
  );
}

function distinct(list: readonly string[]): string[] {
  return [...new Set(list)].sort();
}
