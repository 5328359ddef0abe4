import { z } from 'zod';
import { GLOBAL_ROLES, type GlobalRole } from './roles.ts';
import { type Scope, scopeSchema, union } from './scope.ts';

/** What somebody may do, and where. */
export interface Grant {
  readonly role: GlobalRole;
  readonly scope?: Scope | undefined;
}

/** What values of a claim mean, such as names of groups. */
export type ClaimGrants = Readonly<Record<string, Grant>>;

export const claimGrantsSchema = z.record(
  z.string().min(1),
  z.strictObject({ role: z.enum(GLOBAL_ROLES), scope: scopeSchema.optional() }),
);

/**
 * What the claims of a JWT give: of several values that mean something the strongest role counts, with the scopes of all that
 * give it. Undefined where none of them means anything.
 */
export function grantOf(
  claims: Readonly<Record<string, unknown>>,
  mapping: { claim: string; grants: ClaimGrants },
): Grant | undefined {
  const values = textsOf(claimAt(claims, mapping.claim));
  const found = values.flatMap((value) => (Object.hasOwn(mapping.grants, value) ? (mapping.grants[value] ?? []) : []));
  const role = GLOBAL_ROLES.find((candidate) => found.some((grant) => grant.role === candidate));
  if (role === undefined) return undefined;
  const scopes = found.filter((grant) => grant.role === role).map(({ scope }) => scope);
  const scope = scopes.reduce(union);
  return { role, ...(scope === undefined ? {} : { scope }) };
}

/** A claim by its name, or by a path with dots, such as `realm_access.roles`. */
function claimAt(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  return path
    .split('.')
    .reduce<unknown>(
      (value, part) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, part)
          ? (value as Record<string, unknown>)[part]
          : undefined,
      claims,
    );
}

function textsOf(value: unknown): string[] {
  return [value].flat().filter((each) => typeof each === 'string');
}
