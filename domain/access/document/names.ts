import { DEFAULT_ANONYMOUS_ROLE, ownNameProblem, POISON_ROLES } from '../../spec/names.ts';
import { quoted } from '../../spec/problems.ts';
import { nameProblem } from '../../spec/text.ts';

/** Names that need quotes nowhere: neither in SQL (but for `-`) nor in pg_hba.conf, connection strings and scripts. */
const PLAIN_NAME = /^[a-z_][a-z0-9_$-]{0,62}$/;

/**
 * Why a role of this name is not to be created, or undefined.
 *
 * Always refused is what the server refuses (IsReservedName, src/backend/catalog/catalog.c; `public` and `none`,
 * src/backend/parser/gram.y) or would cut, what documents cannot tell from PUBLIC, and names of the control plane.
 * @param options.legacy also take names that need quotes, and keywords of pg_hba.conf and PgBouncer, which the server accepts
 */
export function roleNameProblem(name: string, options: { legacy: boolean }): string | undefined {
  const lower = name.toLowerCase();
  const problem = nameProblem(name) ?? reservedProblem(name, lower) ?? ownNameProblem(lower);
  if (problem !== undefined || options.legacy) return problem;
  if (POISON_ROLES.has(lower)) {
    return `${quoted(name)} is a keyword of pg_hba.conf, PgBouncer or SQL; "allow": ["legacy_names"] takes it all the same`;
  }
  if (PLAIN_NAME.test(name)) return undefined;
  return (
    `${quoted(name)} must start with a lower-case letter or underscore, followed by lower-case letters, digits, "_", "$" ` +
    'and "-" only; "allow": ["legacy_names"] takes it all the same'
  );
}

function reservedProblem(name: string, lower: string): string | undefined {
  if (name.startsWith('pg_')) return 'names that start with pg_ are reserved by PostgreSQL';
  if (lower === 'public' || name === 'none') return `${quoted(name)} is reserved by PostgreSQL`;
  return name === DEFAULT_ANONYMOUS_ROLE ? `${quoted(name)} is made by the control plane itself` : undefined;
}
