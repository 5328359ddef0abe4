import type pg from 'pg';
import { z } from 'zod';
import { Failure } from '../../../domain/failures.ts';
import { ROLE_NAME_SQL, ROLE_OID_SQL } from '../../../domain/sql/drop-role.ts';
import { SESSION_LOCKS_SQL } from '../../../domain/sql/locks.ts';
import type {
  ConnectionLease,
  LeasedConnection,
  TargetServer,
  TargetSession,
} from '../../../platform/target/target-server.ts';
import { findStep } from '../../../store/journal.ts';
import type { ControlDeps } from '../deps.ts';

const subjectSchema = z.object({
  /** Null: there was no such role. */
  oid: z.number().nullable(),
  login: z.boolean().default(false),
  connectionLimit: z.number().default(-1),
});

/** The role that a task drops, as the first step saw it: what later steps go by, whoever has the name meanwhile. */
export type DropSubject = z.infer<typeof subjectSchema>;

/** What the first step noted. */
export async function loadSubject(deps: ControlDeps, taskId: string): Promise<DropSubject> {
  const entry = await findStep(deps.db, { taskId, step: 'previewDrop' });
  if (entry === undefined) throw new Failure('StaleTask', `task ${taskId} has not looked at its role`);
  return subjectSchema.parse(entry.detail);
}

/** The role's present name; undefined when it is gone. */
export async function currentName(client: pg.ClientBase, oid: number): Promise<string | undefined> {
  const { rows } = await client.query<{ name: string }>(ROLE_NAME_SQL, [oid]);
  return rows[0]?.name;
}

/**
 * Statements name roles, and the name may have passed to somebody else since it was looked up: called in the same transaction
 * after what goes by the name, so that nothing of a stranger is committed.
 */
export async function assertSameRole(client: pg.ClientBase, role: { name: string; oid: number }): Promise<void> {
  const { rows } = await client.query<{ oid: string }>(ROLE_OID_SQL, [role.name]);
  if (Number(rows[0]?.oid) === role.oid) return;
  throw new Failure('Contention', `role "${role.name}" was replaced or renamed while it was worked on`);
}

/** Reserves connections; the first holds advisory locks of the maintenance database until all are given back. */
export function underLocks<T>(
  server: TargetServer,
  input: { session: TargetSession; keys: readonly string[]; connections: number },
  work: (control: LeasedConnection, lease: ConnectionLease) => Promise<T>,
): Promise<T> {
  const { session, keys, connections } = input;
  return server.reserve(session, connections, async (lease) => {
    const control = await lease.connect();
    await control.client.query(SESSION_LOCKS_SQL, [keys, keys.map(() => false)]);
    return work(control, lease);
  });
}
