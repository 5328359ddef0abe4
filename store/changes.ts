import type { DatabaseSpec } from '../domain/spec/types.ts';
import type { ChangeInstance } from '../domain/update/instances.ts';
import type { Queryable } from './connection.ts';

/** Version of each secret, by the secret's id. */
export type SecretVersions = Readonly<Record<string, number>>;

/** What the caller of an update asked for beside the specification, and what was taken for it. */
export interface ChangeOptions {
  /** Deploy every service anew, changed or not. */
  force: boolean;
  /** Hosts that are gone: their instances are not waited for. */
  removeHosts: string[];
  /** Roles that were taken for the database when the update was accepted: free again when it is taken back. */
  claimedRoles: string[];
}

/** What an update starts from and leads to. */
export interface DatabaseChange {
  previousSpec: DatabaseSpec;
  options: ChangeOptions;
  previousSecrets: SecretVersions;
  nextSecrets: SecretVersions;
  previousInstances: ChangeInstance[];
  nextInstances: ChangeInstance[];
  /** Whether the point of no return is passed. */
  settled: boolean;
}

export async function insertChange(
  db: Queryable,
  input: Omit<DatabaseChange, 'settled'> & { taskId: string },
): Promise<void> {
  await db.query(
    `INSERT INTO database_changes (task_id, previous_spec, options, previous_secrets, next_secrets, previous_instances,
                                   next_instances) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [
      input.taskId,
      input.previousSpec,
      input.options,
      input.previousSecrets,
      input.nextSecrets,
      JSON.stringify(input.previousInstances),
      JSON.stringify(input.nextInstances),
    ],
  );
}

/** The row of {@link DatabaseChange} as a JSON expression, for queries that load it beside others. `c` is the table's alias. */
export const CHANGE_JSON = `jsonb_build_object('previousSpec', c.previous_spec, 'options', c.options,
  'previousSecrets', c.previous_secrets, 'nextSecrets', c.next_secrets, 'previousInstances', c.previous_instances,
  'nextInstances', c.next_instances, 'settled', c.settled_at IS NOT NULL)`;

export async function findChange(db: Queryable, taskId: string): Promise<DatabaseChange | undefined> {
  const { rows } = await db.query<{ change: DatabaseChange }>(
    `SELECT ${CHANGE_JSON} AS change FROM database_changes c WHERE task_id = $1`,
    [taskId],
  );
  return rows[0]?.change;
}

/** Passes the point of no return. */
export async function settleChange(db: Queryable, taskId: string): Promise<void> {
  await db.query('UPDATE database_changes SET settled_at = coalesce(settled_at, now()) WHERE task_id = $1', [taskId]);
}
