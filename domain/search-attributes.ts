/**
 * Search attributes of every run. They are stored in plain text: ids only, never a secret or a customer's data.
 * Name → Temporal type; registered before the first worker starts.
 */
export const SEARCH_ATTRIBUTES = {
  /** Id of the managed database. */
  PgDatabase: 'Keyword',
  /** PostgreSQL server whose roles and grants the run changes. */
  PgServer: 'Keyword',
  /** Hosts that the run works on. */
  PgHost: 'KeywordList',
  /** What the run does: create, delete, cleanup, … */
  PgOperation: 'Keyword',
  /** Set to `needs-attention` when an undo left something behind. */
  PgState: 'Keyword',
} as const satisfies Record<string, SearchAttributeKind>;

/** Types that are used, as the Temporal CLI spells them. */
export type SearchAttributeKind = 'Keyword' | 'KeywordList';
