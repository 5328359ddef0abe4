/** Which names of roles and databases a specification may use. */
import { quoted } from './problems.ts';
import { nameProblem } from './text.ts';

/** Anonymous role of services that name none; made by the control plane, shared by the databases of a server. */
export const DEFAULT_ANONYMOUS_ROLE = 'pgedge_application_read_only';

/** What the specification may not name, and why. */
export interface RoleKnowledge {
  /** Superusers of the servers concerned. */
  superusers: ReadonlySet<string>;
  /** Roles recorded as made for another database. */
  foreignRoles: ReadonlySet<string>;
  /** Roles that an operator opened to every database. */
  allowListedRoles: ReadonlySet<string>;
}

/** Keywords of pg_hba.conf, PgBouncer and unquoted scripts: accepted by the server, read as something else elsewhere. */
export const POISON_ROLES: ReadonlySet<string> = new Set([
  'public',
  'none',
  'current_user',
  'session_user',
  'current_role',
  'user',
  'all',
  'replication',
]);
const POISON_DATABASES = new Set(['all', 'sameuser', 'samerole', 'samegroup', 'replication']);
const SYSTEM_DATABASES = new Set(['postgres', 'template0', 'template1']);

/** Why `name` cannot be the name of a database user. */
export function usernameProblem(name: string, known: RoleKnowledge): string | undefined {
  const problem = nameProblem(name) ?? reservedRoleProblem(name);
  if (problem !== undefined) return problem;
  if (name.toLowerCase() === DEFAULT_ANONYMOUS_ROLE) {
    return `${quoted(name)} is made by the control plane and shared by all databases`;
  }
  return foreignRoleProblem(name, known);
}

/** Why `name` cannot be granted: by `roles`, or as `db_anon_role` (R1). Whether it exists is seen on the server. */
export function grantedRoleProblem(name: string, known: RoleKnowledge): string | undefined {
  return nameProblem(name) ?? reservedRoleProblem(name) ?? foreignRoleProblem(name, known);
}

/** Why `name` cannot be the name of a managed database. */
export function databaseNameProblem(name: string): string | undefined {
  const problem = nameProblem(name);
  if (problem !== undefined) return problem;
  const lower = name.toLowerCase();
  if (SYSTEM_DATABASES.has(lower)) return `${quoted(name)} belongs to the server itself`;
  if (POISON_DATABASES.has(lower)) return `${quoted(name)} is a keyword of pg_hba.conf`;
  return ownNameProblem(lower);
}

function reservedRoleProblem(name: string): string | undefined {
  const lower = name.toLowerCase();
  if (lower.startsWith('pg_')) return 'names that start with pg_ are reserved by PostgreSQL';
  if (POISON_ROLES.has(lower)) return `${quoted(name)} is a reserved word`;
  if (/^[+/@]/.test(name)) {
    return 'must not start with "+", "/" or "@", which pg_hba.conf reads as a group, pattern or file';
  }
  if (lower === 'pgedge_superuser') return '"pgedge_superuser" is reserved';
  return ownNameProblem(lower);
}

/** Why a name in lower case belongs to the control plane. */
export function ownNameProblem(lower: string): string | undefined {
  return lower.startsWith('pgsteward') || lower.startsWith('pgst_')
    ? 'names that start with pgsteward or pgst_ are reserved for the control plane'
    : undefined;
}

function foreignRoleProblem(name: string, known: RoleKnowledge): string | undefined {
  if (known.superusers.has(name)) return `role ${quoted(name)} is a superuser of the server`;
  if (known.foreignRoles.has(name) && !known.allowListedRoles.has(name)) {
    return `role ${quoted(name)} belongs to another database`;
  }
  return undefined;
}
