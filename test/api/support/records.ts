import type { TestStack } from '../../support/stack.ts';

/** Tables that a request can add to, and what the target server has. */
const TABLES = [
  'databases',
  'database_servers',
  'tasks',
  'credentials',
  'ports',
  'service_instances',
  'secrets',
  'servers',
  'hosts',
  'idempotency_keys',
  'audit_log',
] as const;

/** Number of rows of every table that a request could change. */
export async function rowCounts(stack: TestStack): Promise<Record<string, number>> {
  const counts = TABLES.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`).join(', ');
  const { rows } = await stack.control.db.query<Record<string, number>>(`SELECT ${counts}`);
  return rows[0] ?? {};
}

/** Runs `act` and fails unless every table and the target server are afterwards as before. */
export async function changesNothing<T>(stack: TestStack, act: () => Promise<T>): Promise<T> {
  const look = async () => ({ rows: await rowCounts(stack), target: await stack.target.inventory() });
  const before = await look();
  const result = await act();
  const after = await look();
  if (JSON.stringify(after) !== JSON.stringify(before)) {
    throw new Error(`something changed:\n${JSON.stringify(before)}\n${JSON.stringify(after)}`);
  }
  return result;
}
