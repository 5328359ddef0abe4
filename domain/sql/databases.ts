import { quoteIdentifier, quoteIdentifiers, quoteLiteral } from './quote.ts';

/** CREATE DATABASE from template0, so that nothing of the server's template1 gets in. Cannot run in a transaction. */
export function createDatabase(name: string): string {
  return `CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE template0`;
}

/**
 * One transaction's worth: owner, marker, connection rights by name (R2) and the final name. Until it commits, the
 * database carries its temporary name and belongs to nobody's specification.
 */
export function adoptCreatedDatabase(input: {
  temporaryName: string;
  name: string;
  owner: string;
  comment: string;
  /** Roles that may connect; PUBLIC may not. */
  users: readonly string[];
}): string {
  const temporary = quoteIdentifier(input.temporaryName);
  return [
    joinRole(input.owner),
    `ALTER DATABASE ${temporary} OWNER TO ${quoteIdentifier(input.owner)}`,
    `COMMENT ON DATABASE ${temporary} IS ${quoteLiteral(input.comment)}`,
    `REVOKE CONNECT, TEMPORARY ON DATABASE ${temporary} FROM PUBLIC`,
    ...(input.users.length === 0
      ? []
      : [`GRANT CONNECT, TEMPORARY ON DATABASE ${temporary} TO ${quoteIdentifiers(input.users)}`]),
    `ALTER DATABASE ${temporary} RENAME TO ${quoteIdentifier(input.name)}`,
  ].join('; ');
}

/**
 * Makes an admin role that is no superuser a member of a role that it has made: without that it can neither give that role a
 * database nor work in it, grant on what it owns, or drop it later. A superuser needs nothing.
 */
export function joinRole(role: string): string {
  const join = (rest: string) => quoteLiteral(`GRANT ${quoteIdentifier(role)} TO CURRENT_USER${rest}`);
  const body = `BEGIN
  IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    RETURN;
  ELSIF current_setting('server_version_num')::int < 160000 THEN
    EXECUTE ${join('')};
  ELSE
    EXECUTE ${join(' WITH INHERIT TRUE, SET TRUE')};
  END IF;
END`;
  return `DO ${quoteLiteral(body)}`;
}

/** Lets roles connect to a database, by name (R2). */
export function grantConnect(name: string, roles: readonly string[]): string {
  return `GRANT CONNECT, TEMPORARY ON DATABASE ${quoteIdentifier(name)} TO ${quoteIdentifiers(roles)}`;
}

export function revokeConnect(name: string, roles: readonly string[]): string {
  return `REVOKE CONNECT, TEMPORARY ON DATABASE ${quoteIdentifier(name)} FROM ${quoteIdentifiers(roles)}`;
}

export function setDatabaseOwner(name: string, owner: string): string {
  return `ALTER DATABASE ${quoteIdentifier(name)} OWNER TO ${quoteIdentifier(owner)}`;
}

/** No new session but those of superusers. */
export function blockConnections(name: string): string {
  return `ALTER DATABASE ${quoteIdentifier(name)} WITH ALLOW_CONNECTIONS false`;
}

/** DROP DATABASE that ends the sessions in it. */
export function dropDatabase(name: string): string {
  return `DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`;
}
