/**
 * Advisory locks of the maintenance database: one per object, so that work on different objects never waits. They are
 * transaction-level and taken in the order of their keys, so that two transactions never wait crosswise. Keys are
 * `role:<name>`, `database:<name>` and `scripts`; `$1` is the array of them.
 */
export const LOCK_SQL = `SELECT pg_advisory_xact_lock(hashtextextended('pgsteward:' || key, 0))
  FROM (SELECT key FROM unnest($1::text[]) AS key ORDER BY key) AS ordered`;

/** The same for the whole session, where a statement cannot run in a transaction. */
export const SESSION_LOCK_SQL = `SELECT pg_advisory_lock(hashtextextended('pgsteward:' || $1::text, 0))`;
