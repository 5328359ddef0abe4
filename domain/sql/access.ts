import { quoteIdentifier, quoteIdentifiers } from './quote.ts';

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

export function createExtensions(extensions: readonly string[]): string {
  return extensions.map((name) => `CREATE EXTENSION IF NOT EXISTS ${quoteIdentifier(name)} SCHEMA public`).join('; ');
}

/** Schema of this control plane's own objects inside a managed database. */
export const CONTROL_SCHEMA = 'pgsteward';

/**
 * The function that refuses a token without audience. PostgREST checks `jwt-aud` only when the claim is present, so a
 * token that leaves it out would pass (measured on 12.0.2). Runs as `db-pre-request`, after the role switch.
 */
export const REQUIRE_AUDIENCE_FUNCTION = `${CONTROL_SCHEMA}.require_audience`;

export const REQUIRE_AUDIENCE_SQL = `
CREATE SCHEMA IF NOT EXISTS ${CONTROL_SCHEMA};
GRANT USAGE ON SCHEMA ${CONTROL_SCHEMA} TO PUBLIC;
CREATE OR REPLACE FUNCTION ${REQUIRE_AUDIENCE_FUNCTION}() RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
  IF current_setting('request.headers', true)::json ->> 'authorization' ~* '^bearer +[^ ]'
     AND (current_setting('request.jwt.claims', true)::json -> 'aud') IS NULL THEN
    RAISE SQLSTATE 'PGRST' USING
      MESSAGE = '{"code":"PGRST301","message":"JWT without audience","details":"this service accepts only tokens with an aud claim","hint":null}',
      DETAIL = '{"status":401,"headers":{"WWW-Authenticate":"Bearer error=\\"invalid_token\\""}}';
  END IF;
END $$;
GRANT EXECUTE ON FUNCTION ${REQUIRE_AUDIENCE_FUNCTION}() TO PUBLIC`;
