import { expect } from 'vitest';
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
  'accounts',
  'tokens',
  'notification_channels',
  'notification_deliveries',
] as const;

/** Number of rows of every table that a request could change. */
export async function rowCounts(stack: TestStack): Promise<Record<string, number>> {
  const counts = TABLES.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`).join(', ');
  // A refusal is on record as such, and nothing else is.
  const changes = `(SELECT count(*)::int FROM audit_log WHERE kind <> 'refusal') AS audit_log`;
  const { rows } = await stack.control.db.query<Record<string, number>>(`SELECT ${counts}, ${changes}`);
  return rows[0] ?? {};
}

/** Runs `act` and fails unless every table and the target server are afterwards as before. */
export async function changesNothing<T>(stack: TestStack, act: () => Promise<T>): Promise<T> {
  const look = async () => ({ rows: await rowCounts(stack), target: await inventory(stack) });
  const before = await look();
  const result = await act();
  expect(await look()).toEqual(before);
  return result;
}

/** Roles and databases of the target server, over a connection that is open already. */
async function inventory(stack: TestStack): Promise<string[]> {
  const server = await stack.control.targets.get('host-1');
  const session = { applicationName: 'test', doing: 'looking at everything' };
  return server.onMaintenance(session, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT 'role ' || rolname AS name FROM pg_roles UNION ALL SELECT 'database ' || datname FROM pg_database ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  });
}
