/**
 * Advisory locks of the maintenance database: one per object, so that work on different objects never waits. They are
 * transaction-level and taken in the order of their keys, so that two transactions never wait crosswise. Keys are
 * `role:<name>`, `database:<name>` and `scripts`; `$1` is the array of them.
 */
export const LOCK_SQL = `SELECT pg_advisory_xact_lock(hashtextextended('pgsteward:' || key, 0))
  FROM (SELECT key FROM unnest($1::text[]) AS key ORDER BY key) AS ordered`;

/** The same for the whole session, where a statement cannot run in a transaction. */
export const SESSION_LOCK_SQL = `SELECT pg_advisory_lock(hashtextextended('pgsteward:' || $1::text, 0))`;

/**
 * Session locks, some of them shared: `$1` is the array of keys, `$2` whether each is shared. They outlive the transactions of
 * the session and go with it.
 */
export const SESSION_LOCKS_SQL = `SELECT CASE WHEN shared
    THEN pg_advisory_lock_shared(hashtextextended('pgsteward:' || key, 0))
    ELSE pg_advisory_lock(hashtextextended('pgsteward:' || key, 0)) END
  FROM (SELECT key, shared FROM unnest($1::text[], $2::boolean[]) AS wanted (key, shared) ORDER BY key) AS ordered`;

/** Transaction locks as far as they are free; gives back the keys that somebody else holds. Parameters as above. */
export const TRY_LOCKS_SQL = `SELECT key FROM (
    SELECT key, CASE WHEN shared
      THEN pg_try_advisory_xact_lock_shared(hashtextextended('pgsteward:' || key, 0))
      ELSE pg_try_advisory_xact_lock(hashtextextended('pgsteward:' || key, 0)) END AS locked
    FROM (SELECT key, shared FROM unnest($1::text[], $2::boolean[]) AS wanted (key, shared) ORDER BY key) AS ordered
  ) AS tried WHERE NOT locked`;
