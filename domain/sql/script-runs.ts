import { CONTROL_SCHEMA } from './access.ts';
import { quoteIdentifier } from './quote.ts';

/**
 * Marker rows of scripts: written in the script's own transaction, so that after a crash it is certain whether the
 * script took effect. `post_init` has its table in the maintenance database, `post_database_create` in the new database.
 */
export const SCRIPT_RUNS_TABLE = `${CONTROL_SCHEMA}.script_runs`;

export const ENSURE_SCRIPT_RUNS_SQL = `
CREATE SCHEMA IF NOT EXISTS ${CONTROL_SCHEMA};
CREATE TABLE IF NOT EXISTS ${SCRIPT_RUNS_TABLE} (
  task_id uuid NOT NULL,
  list    text NOT NULL,
  roles   jsonb NOT NULL DEFAULT '[]',
  PRIMARY KEY (task_id, list)
)`;

/** Lets the database's owner, who runs its script, write the marker row and nothing else. */
export function grantScriptRuns(owner: string): string {
  const role = quoteIdentifier(owner);
  return `GRANT USAGE ON SCHEMA ${CONTROL_SCHEMA} TO ${role}; GRANT SELECT, INSERT ON ${SCRIPT_RUNS_TABLE} TO ${role}`;
}

export const FIND_SCRIPT_RUN_SQL = `SELECT roles FROM ${SCRIPT_RUNS_TABLE} WHERE task_id = $1 AND list = $2`;
export const INSERT_SCRIPT_RUN_SQL = `INSERT INTO ${SCRIPT_RUNS_TABLE} (task_id, list) VALUES ($1, $2)`;
export const SET_SCRIPT_ROLES_SQL = `UPDATE ${SCRIPT_RUNS_TABLE} SET roles = $3 WHERE task_id = $1 AND list = $2`;
export const DELETE_SCRIPT_RUNS_SQL = `DELETE FROM ${SCRIPT_RUNS_TABLE} WHERE task_id = ANY ($1)`;
/** Takes the marker table out of a customer's database, with its schema, once the script is on record elsewhere. */
export const DROP_SCRIPT_RUNS_SQL = `DROP SCHEMA IF EXISTS ${CONTROL_SCHEMA} CASCADE`;
