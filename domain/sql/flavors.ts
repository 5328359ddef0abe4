import {
  FLAVOR_GROUP_COMMENT,
  FLAVOR_GROUPS,
  FLAVOR_SCHEMA,
  type FlavorInstallation,
  installationComment,
} from '../clusters/flavor-groups.ts';
import { quoteLiteral } from './quote.ts';

const { read: READ, write: WRITE } = FLAVOR_GROUPS;
const BOTH = `${READ}, ${WRITE}`;
const SCHEMA = FLAVOR_SCHEMA;
const QUOTE = '$pgsteward$';

/** One at a time; the lock is of the database. */
const LOCK = `PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('pgsteward flavors', 0))`;
/** Schemas of users, as conditions on `n` of pg_namespace. */
const OF_USERS = `n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', '${SCHEMA}')`;

/**
 * Makes the group roles, as members of the predefined roles of their flavor, or of none. May run any number of times.
 * @param of.administrator role without SUPERUSER that is to add members
 */
export function flavorGroupsSql(of: { predefined: boolean; administrator?: string }): string {
  const wanted = [
    [READ, 'pg_read_all_data', of.predefined],
    [WRITE, 'pg_read_all_data', of.predefined],
    [WRITE, 'pg_write_all_data', of.predefined],
  ] as const;
  const change = ([group, role, member]: (typeof wanted)[number]) => {
    const isMember = `EXISTS (SELECT FROM pg_catalog.pg_auth_members m
      JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles g ON g.oid = m.member
      WHERE r.rolname = '${role}' AND g.rolname = '${group}')`;
    return member
      ? `IF NOT ${isMember} THEN GRANT ${role} TO ${group}; END IF;`
      : `IF ${isMember} THEN REVOKE ${role} FROM ${group}; END IF;`;
  };
  const make = (group: string) => `IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '${group}') THEN
    CREATE ROLE ${group} NOLOGIN;
    COMMENT ON ROLE ${group} IS ${quoteLiteral(FLAVOR_GROUP_COMMENT)};
  END IF;`;
  const { administrator } = of;
  return `DO ${QUOTE}BEGIN
  ${LOCK};
  ${make(READ)}
  ${make(WRITE)}
  ${wanted.map(change).join('\n  ')}
  ${administrator === undefined ? '' : `EXECUTE pg_catalog.format('GRANT ${BOTH} TO %I WITH ADMIN OPTION', ${quoteLiteral(administrator)});`}
END${QUOTE};`;
}

/** Gives the groups what they need in the database that it runs in. May run any number of times, as a superuser if it installs. */
export function flavorDatabaseSql(of: { install: FlavorInstallation; connect: boolean }): string {
  const { cover, guard } = of.install;
  return [
    `DO ${QUOTE}BEGIN ${LOCK}; END${QUOTE};`,
    of.connect &&
      `DO ${QUOTE}BEGIN EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO ${BOTH}', pg_catalog.current_database()); END${QUOTE};`,
    (cover || guard) && schemaSql,
    cover && coverSql,
    guard && guardSql,
    (cover || guard) && `COMMENT ON SCHEMA ${SCHEMA} IS ${quoteLiteral(installationComment(of.install))};`,
  ]
    .filter((part) => part !== false)
    .join('\n');
}

/** Nobody else may create there or call what is there. */
const schemaSql = `DO ${QUOTE}BEGIN
  IF pg_catalog.to_regnamespace('${SCHEMA}') IS NULL THEN CREATE SCHEMA ${SCHEMA}; END IF;
END${QUOTE};
REVOKE ALL ON SCHEMA ${SCHEMA} FROM PUBLIC;`;

const trigger = (name: string, tags: readonly string[]) => `DO ${QUOTE}BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtname = '${name}') THEN
    CREATE EVENT TRIGGER ${name} ON ddl_command_end${
      tags.length === 0 ? '' : `\n      WHEN TAG IN (${tags.map(quoteLiteral).join(', ')})`
    } EXECUTE FUNCTION ${SCHEMA}.${name}();
  END IF;
END${QUOTE};`;

/** Commands that may leave a new relation or schema behind. */
const COVERING_TAGS = [
  'CREATE SCHEMA',
  'CREATE TABLE',
  'CREATE TABLE AS',
  'SELECT INTO',
  'CREATE VIEW',
  'CREATE MATERIALIZED VIEW',
  'CREATE FOREIGN TABLE',
  'IMPORT FOREIGN SCHEMA',
  'CREATE SEQUENCE',
  'ALTER TABLE',
  'CREATE EXTENSION',
  'ALTER EXTENSION',
];

/**
 * The grants are done with the rights of the superuser who installed this, under a search_path of its own, each in a
 * subtransaction: whatever goes wrong with them, the command of the user succeeds. What is in extensions is granted when the
 * extension is complete, because until then a grant would become part of it (pg_init_privs). Temporary relations are their
 * session's own.
 */
const coverSql = `CREATE OR REPLACE FUNCTION ${SCHEMA}.pgsteward_cover() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS ${QUOTE}
DECLARE
  o record;
BEGIN
  FOR o IN
    WITH made AS (
      SELECT classid, objid FROM pg_event_trigger_ddl_commands()
      WHERE NOT in_extension AND command_tag ~ '^(CREATE|SELECT INTO)'
      UNION
      SELECT m.classid, m.objid FROM pg_event_trigger_ddl_commands() d
      JOIN pg_depend m ON m.refclassid = d.classid AND m.refobjid = d.objid AND m.deptype = 'e'
      WHERE d.classid = 'pg_extension'::regclass
      UNION
      SELECT 'pg_namespace'::regclass, e.extnamespace FROM pg_event_trigger_ddl_commands() d
      JOIN pg_extension e ON e.oid = d.objid AND d.classid = 'pg_extension'::regclass
    )
    SELECT NULL::"char" AS kind, n.nspname AS schema, NULL::name AS name
    FROM made JOIN pg_namespace n ON n.oid = made.objid AND made.classid = 'pg_namespace'::regclass
    WHERE ${OF_USERS}
    UNION ALL
    SELECT c.relkind, n.nspname, c.relname
    FROM made JOIN pg_class c ON c.oid = made.objid AND made.classid = 'pg_class'::regclass
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ${OF_USERS}
  LOOP
    BEGIN
      IF o.kind IS NULL THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO ${BOTH}', o.schema);
      ELSIF o.kind = 'S' THEN
        EXECUTE format('GRANT SELECT ON SEQUENCE %I.%I TO ${BOTH}', o.schema, o.name);
        EXECUTE format('GRANT USAGE, UPDATE ON SEQUENCE %I.%I TO ${WRITE}', o.schema, o.name);
      ELSE
        EXECUTE format('GRANT SELECT ON TABLE %I.%I TO ${BOTH}', o.schema, o.name);
        EXECUTE format('GRANT INSERT, UPDATE, DELETE ON TABLE %I.%I TO ${WRITE}', o.schema, o.name);
      END IF;
    EXCEPTION WHEN OTHERS THEN
      RAISE LOG 'pgsteward: flavors do not cover %.%: %', o.schema, o.name, SQLERRM;
    END;
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  RAISE LOG 'pgsteward: flavors do not cover what a command made: %', SQLERRM;
END
${QUOTE};
REVOKE ALL ON FUNCTION ${SCHEMA}.pgsteward_cover() FROM PUBLIC;
${trigger('pgsteward_cover', COVERING_TAGS)}
DO ${QUOTE}
DECLARE
  o record;
BEGIN
  FOR o IN SELECT n.nspname AS name FROM pg_catalog.pg_namespace n WHERE ${OF_USERS} ORDER BY 1 LOOP
    EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA %I TO ${BOTH}', o.name);
    EXECUTE pg_catalog.format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO ${BOTH}', o.name);
    EXECUTE pg_catalog.format('GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO ${WRITE}', o.name);
    EXECUTE pg_catalog.format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %I TO ${BOTH}', o.name);
    EXECUTE pg_catalog.format('GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA %I TO ${WRITE}', o.name);
  END LOOP;
  -- Known creators, for sessions that event triggers are switched off in.
  FOR o IN
    SELECT DISTINCT pg_catalog.pg_get_userbyid(owner) AS name FROM (
      SELECT n.nspowner AS owner FROM pg_catalog.pg_namespace n WHERE ${OF_USERS} AND n.nspname <> 'public'
      UNION SELECT c.relowner FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE ${OF_USERS} AND c.relpersistence <> 't'
      UNION SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
    ) AS creators
    WHERE owner IN (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_')
  LOOP
    EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT USAGE ON SCHEMAS TO ${BOTH}', o.name);
    EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT SELECT ON TABLES TO ${BOTH}', o.name);
    EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT INSERT, UPDATE, DELETE ON TABLES TO ${WRITE}', o.name);
    EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT SELECT ON SEQUENCES TO ${BOTH}', o.name);
    EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT USAGE, UPDATE ON SEQUENCES TO ${WRITE}', o.name);
  END LOOP;
END
${QUOTE};`;

/**
 * Before 15 everybody may create tables in the schema `public`, and with them write. A role that has become somebody else by SET
 * ROLE, or acts through a function of somebody else, acts with their rights.
 */
const guardSql = `CREATE OR REPLACE FUNCTION ${SCHEMA}.pgsteward_read_only() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS ${QUOTE}
BEGIN
  IF EXISTS (
    SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
    WHERE g.rolname = '${READ}' AND r.rolname = current_user
  ) AND EXISTS (SELECT FROM pg_event_trigger_ddl_commands() d WHERE d.schema_name IS DISTINCT FROM 'pg_temp') THEN
    RAISE insufficient_privilege USING MESSAGE = format('role "%s" of flavor read may create nothing', current_user);
  END IF;
END
${QUOTE};
${trigger('pgsteward_read_only', [])}`;
