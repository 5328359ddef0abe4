import type { AccessContext } from './context.ts';

/** Roles whose members run programs or read and write files as the server's operating system user. */
export const SERVER_ACCESS_ROLES: ReadonlySet<string> = new Set([
  'pg_execute_server_program',
  'pg_read_server_files',
  'pg_write_server_files',
]);

/** Its only member is the owner of the current database, implicitly (14+). */
export const DATABASE_OWNER_ROLE = 'pg_database_owner';

/** First major version of predefined roles that 13 does not have. */
const PREDEFINED_SINCE: Readonly<Record<string, number>> = {
  pg_database_owner: 14,
  pg_read_all_data: 14,
  pg_write_all_data: 14,
  pg_checkpoint: 15,
  pg_create_subscription: 16,
  pg_use_reserved_connections: 16,
  pg_maintain: 17,
  pg_signal_autovacuum_worker: 18,
};

/** OID of the superuser that initdb makes, and that grants of superusers are recorded under (BOOTSTRAP_SUPERUSERID). */
export const BOOTSTRAP_OID = 10;

/** True for the roles that PostgreSQL itself brings along; no other can have such a name (IsReservedName). */
export function isPredefined(role: string): boolean {
  return role.startsWith('pg_');
}

/** Why a role that a document names is not there. */
export function missingRoleMessage(role: string): string {
  const since = PREDEFINED_SINCE[role];
  return since === undefined
    ? `role "${role}" does not exist on the server, and the document does not create it`
    : `role "${role}" exists only from PostgreSQL ${since} on`;
}

/**
 * Tells why a role is not to be changed, or undefined where it may be: the control plane's own role, those of PostgreSQL
 * itself, and those of another owner unless the document adopts them.
 */
export function createProtection(
  context: Pick<AccessContext, 'document' | 'observed' | 'foreign'>,
): (role: string) => string | undefined {
  const adopted = new Set(context.document.roles.filter(({ adopt }) => adopt).map(({ name }) => name));
  return (role) => {
    if (role === context.observed.admin.name) return `"${role}" is the control plane's own role and is never changed`;
    if (isPredefined(role)) return `"${role}" is a role of PostgreSQL itself and is never changed`;
    const owner = context.foreign.get(role);
    if (owner === undefined || adopted.has(role)) return undefined;
    return `role "${role}" belongs to ${owner}; its entry in roles must say "adopt": true to change it here`;
  };
}
