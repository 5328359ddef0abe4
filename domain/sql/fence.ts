import { quoteIdentifier } from './quote.ts';

/**
 * Makes databases read-only for sessions to come, and the admin role itself, as one transaction. On a server that was fenced
 * before, the role's own sessions begin read-only; and a former primary with synchronous standbys would wait for them for ever.
 */
export function fenceDatabases(names: readonly string[]): string {
  return [
    'SET synchronous_commit = local',
    'BEGIN READ WRITE',
    ...names.map((name) => `ALTER DATABASE ${quoteIdentifier(name)} SET default_transaction_read_only = on`),
    'ALTER ROLE CURRENT_USER SET default_transaction_read_only = on',
    'COMMIT',
  ].join('; ');
}
