import type pg from 'pg';
import { Failure } from '../../domain/failures.ts';
import {
  type AdminFacts,
  LOGGING_PARAMETERS,
  type ServerFacts,
  type ServerProbe,
  SHOWN_ROLES,
} from '../../domain/servers/probe.ts';
import { VENDOR_MARKS } from '../../domain/servers/vendors.ts';
import type { TargetSession } from './connection.ts';
import { answerText, choosePrimary, type EndpointAnswer } from './primary.ts';
import type { TargetServer } from './target-server.ts';

/** A failed probe has a reason that can be thrown. */
export interface ProbeOutcome {
  probe: ServerProbe;
  /** Set where `probe.facts` is null. */
  failure?: Failure;
}

/** Asks every endpoint what it is, and the primary what it can and may: two round trips. */
export async function probeServer(server: TargetServer, session: TargetSession): Promise<ProbeOutcome> {
  const { name, systemIdentifier } = server.address;
  const answers = await server.askEndpoints(session);
  const endpoints = answers.map((answer) => ({
    ...answer.endpoint,
    state: answer.state,
    systemIdentifier: answer.systemIdentifier ?? null,
    answer: answerText(answer, systemIdentifier),
  }));
  try {
    const primary = choosePrimary(name, answers, systemIdentifier);
    const answer = answers.find(({ endpoint }) => endpoint === primary);
    if (answer === undefined) throw new Error('the primary is none of the endpoints');
    const facts = await server.onMaintenance(session, (client) => readFacts(client, answer));
    return { probe: { endpoints, facts, problem: null } };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { probe: { endpoints, facts: null, problem: error.message }, failure: error };
  }
}

interface Row {
  admin: AdminFacts;
  limits: ServerFacts['limits'];
  passwords: Omit<ServerFacts['passwords'], 'preloaded'> & { preloaded: string | null };
  marks: ServerFacts['marks'];
}

/** Everything in one statement. What older servers do not have is left out of its text. */
async function readFacts(client: pg.ClientBase, answer: EndpointAnswer): Promise<ServerFacts> {
  const { versionNum = 0, systemIdentifier = '' } = answer;
  const { rows } = await client.query<Row>(factsSql(versionNum), [
    [...LOGGING_PARAMETERS],
    [...VENDOR_MARKS],
    SHOWN_ROLES,
  ]);
  const row = rows[0];
  if (row === undefined) throw new Error('the probe returned no row');
  const { preloaded } = row.passwords;
  return {
    systemIdentifier,
    versionNum,
    ...row,
    passwords: {
      ...row.passwords,
      preloaded:
        preloaded === null
          ? null
          : preloaded
              .split(',')
              .map((entry) => entry.trim())
              .filter(Boolean),
    },
  };
}

function factsSql(versionNum: number): string {
  const settable = versionNum >= 150_000 ? `has_parameter_privilege(parameter, 'SET')` : 'a.rolsuper';
  // Before 16 CREATEROLE is enough to administer every role.
  const administered = versionNum >= 160_000 ? `pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')` : 'true';
  return `
WITH a AS (SELECT * FROM pg_roles WHERE rolname = current_user),
unadministered AS (
  SELECT r.rolname::text AS name FROM pg_roles r, a
  WHERE NOT a.rolsuper AND NOT r.rolsuper AND r.oid <> a.oid AND r.rolname !~ '^pg_' AND NOT ${administered}
    AND NOT pg_has_role(r.oid, a.oid, 'MEMBER')
)
SELECT
  (SELECT jsonb_build_object(
     'name', a.rolname, 'superuser', a.rolsuper, 'createrole', a.rolcreaterole, 'createdb', a.rolcreatedb,
     'replication', a.rolreplication, 'bypassrls', a.rolbypassrls, 'connectionLimit', a.rolconnlimit,
     'signalsBackends', pg_has_role('pg_signal_backend', 'USAGE'),
     'readsPasswords', has_table_privilege('pg_catalog.pg_authid', 'SELECT'),
     'unsettable', (SELECT coalesce(jsonb_agg(parameter), '[]') FROM unnest($1::text[]) AS parameter WHERE NOT ${settable}),
     'unadministered', jsonb_build_object(
       'count', (SELECT count(*) FROM unadministered),
       'names', (SELECT coalesce(jsonb_agg(name ORDER BY name), '[]')
                 FROM (SELECT name FROM unadministered ORDER BY name LIMIT $3) AS first))) FROM a) AS admin,
  jsonb_build_object(
    'maxConnections', current_setting('max_connections')::int,
    'reserved', current_setting('superuser_reserved_connections')::int
      + coalesce(current_setting('reserved_connections', true)::int, 0),
    -- Visible to every role, unlike backend_type.
    'inUse', (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL AND usesysid IS NOT NULL)) AS limits,
  jsonb_build_object(
    'encryption', current_setting('password_encryption'),
    'scramIterations', coalesce(nullif(current_setting('scram_iterations', true), ''), '4096')::int,
    -- No row where the role may not see it.
    'preloaded', (SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries'),
    'extensions', (SELECT coalesce(jsonb_agg(extname ORDER BY extname), '[]') FROM pg_extension
                   WHERE extname IN ('credcheck', 'passwordpolicy', 'passwordcheck', 'passwordcheck_cracklib')),
    'settings', (SELECT coalesce(jsonb_object_agg(name, setting), '{}') FROM pg_settings
                 WHERE name ~ '^(credcheck|passwordcheck|password_policy|pgtle)[.]')) AS passwords,
  jsonb_build_object(
    'roles', (SELECT coalesce(jsonb_agg(rolname ORDER BY rolname), '[]') FROM pg_roles WHERE rolname = ANY ($2)),
    'settings', (SELECT coalesce(jsonb_agg(name ORDER BY name), '[]') FROM pg_settings WHERE name = ANY ($2))) AS marks`;
}
