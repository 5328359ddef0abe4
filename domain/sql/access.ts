import { quoteIdentifier, quoteIdentifiers, quoteLiteral } from './quote.ts';

/**
 * Reading rights for a group role: on the schemas, on every table that is there, and on every table that `owner`
 * creates there later.
 */
export function grantReadOnly(input: { role: string; schemas: readonly string[]; owner: string }): string {
  const schemas = quoteIdentifiers(input.schemas);
  const role = quoteIdentifier(input.role);
  return [
    `GRANT USAGE ON SCHEMA ${schemas} TO ${role}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA ${schemas} TO ${role}`,
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(input.owner)} IN SCHEMA ${schemas} GRANT SELECT ON TABLES TO ${role}`,
  ].join('; ');
}

/** Takes back what {@link grantReadOnly} gave. */
export function revokeReadOnly(input: { role: string; schemas: readonly string[]; owner: string }): string {
  const schemas = quoteIdentifiers(input.schemas);
  const role = quoteIdentifier(input.role);
  return [
    `REVOKE USAGE ON SCHEMA ${schemas} FROM ${role}`,
    `REVOKE SELECT ON ALL TABLES IN SCHEMA ${schemas} FROM ${role}`,
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(input.owner)} IN SCHEMA ${schemas} REVOKE SELECT ON TABLES FROM ${role}`,
  ].join('; ');
}

/**
 * The rights of a database's owner on `public`, by name. From 15 on that schema belongs to pg_database_owner, and before 16 a role
 * that is NOINHERIT, as the login of a service is, gets nothing from that (roles_is_member_of in src/backend/utils/adt/acl.c): it
 * could not create a table in its own database. Elsewhere nothing happens. Given as the owner of the schema, for an admin role
 * that is no superuser reaches it through the database's owner only.
 */
export function openPublicSchema(owner: string): string {
  return asPublicSchemaOwner(`GRANT USAGE, CREATE ON SCHEMA public TO ${quoteIdentifier(owner)}`);
}

/** Takes back what {@link openPublicSchema} gave. */
export function closePublicSchema(owner: string): string {
  return asPublicSchemaOwner(`REVOKE USAGE, CREATE ON SCHEMA public FROM ${quoteIdentifier(owner)}`);
}

function asPublicSchemaOwner(statement: string): string {
  const body = `BEGIN
  IF current_setting('server_version_num')::int < 160000 AND EXISTS (
    SELECT FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
    WHERE n.nspname = 'public' AND r.rolname = 'pg_database_owner'
  ) THEN
    SET LOCAL ROLE pg_database_owner;
    EXECUTE ${quoteLiteral(statement)};
    RESET ROLE;
  END IF;
END`;
  return `DO ${quoteLiteral(body)}`;
}

/** Hands everything that a role owns in this database to another one, and ends the rights it has here. One transaction (R10). */
export function reassignAndDropOwned(role: string, heir: string): string {
  return `REASSIGN OWNED BY ${quoteIdentifier(role)} TO ${quoteIdentifier(heir)}; DROP OWNED BY ${quoteIdentifier(role)}`;
}

export function createExtensions(extensions: readonly string[]): string {
  return extensions.map((name) => `CREATE EXTENSION IF NOT EXISTS ${quoteIdentifier(name)} SCHEMA public`).join('; ');
}

/** Schema of this control plane's own objects inside a managed database. */
export const CONTROL_SCHEMA = 'pgsteward';

/**
 * The function that refuses a token without audience. PostgREST checks `jwt-aud` only when the claim is present, so a
 * token that leaves it out would pass (measured on 12.0.2); later releases let one with an empty list pass, too. Runs as `db-pre-request`, after the role switch.
 */
export const REQUIRE_AUDIENCE_FUNCTION = `${CONTROL_SCHEMA}.require_audience`;

/**
 * Creates the function. The header alone does not tell a token from none: PostgREST takes the first of two
 * `Authorization` headers while the function sees the last, and reads more spellings of `Bearer` than one would list. So
 * whatever goes beyond an anonymous request (another role, any other claim) counts as a token too.
 */
export function requireAudience(anonymousRoles: readonly string[]): string {
  const body = `
DECLARE
  claims jsonb := coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb;
  authorization_header text := current_setting('request.headers', true)::json ->> 'authorization';
BEGIN
  IF coalesce(claims -> 'aud', 'null') IN ('null', '[]') AND (
    authorization_header ~* '^[[:space:]]*bearer[[:space:]]'
    OR current_user <> ALL (ARRAY[${anonymousRoles.map(quoteLiteral).join(', ')}]::name[])
    OR claims - 'role' <> '{}'
  ) THEN
    RAISE SQLSTATE 'PGRST' USING
      MESSAGE = '{"code":"PGRST301","message":"JWT without audience","details":"this service accepts only tokens with an aud claim","hint":null}',
      DETAIL = '{"status":401,"headers":{"WWW-Authenticate":"Bearer error=\\"invalid_token\\""}}';
  END IF;
END`;
  return [
    `CREATE SCHEMA IF NOT EXISTS ${CONTROL_SCHEMA}`,
    `GRANT USAGE ON SCHEMA ${CONTROL_SCHEMA} TO PUBLIC`,
    // A literal, not dollar quotes: the name of a role may contain those.
    `CREATE OR REPLACE FUNCTION ${REQUIRE_AUDIENCE_FUNCTION}() RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS ${quoteLiteral(body)}`,
    `GRANT EXECUTE ON FUNCTION ${REQUIRE_AUDIENCE_FUNCTION}() TO PUBLIC`,
  ].join('; ');
}
