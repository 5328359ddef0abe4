/** One SQL statement; where it sets a password, the verifier stands between the two parts and is never kept with it. */
export interface PlannedStatement {
  sql: string;
  /** Role whose verifier follows `sql`, before `after`. */
  verifierOf?: string;
  after?: string;
}

/** Statements that belong together, all within the transaction of one database. */
export interface PlanStep {
  /** Null: of the whole server, run in the maintenance database or in the only database of the plan. */
  database: string | null;
  /** What it does, such as `grant privileges`; the same words for the same kind of step. */
  action: string;
  /** For people: `grant SELECT on 240 tables of schema app to reporting`. */
  summary: string;
  statements: PlannedStatement[];
  /** Number of (object, grantee) pairs, roles or settings that it changes. */
  changes: number;
}

/** Something asked for that the admin role may not do, or that a rule forbids. Nothing of a plan with refusals is applied. */
export interface Refusal {
  path: string;
  /** What is missing or which rule it is. */
  message: string;
  /** The statement that gives the missing right, for whoever may run it. */
  remedy?: string;
}

/** An ordered plan. Empty steps: the server is as the document asks. */
export interface Plan {
  server: string;
  versionNum: number;
  /** SHA-256 over the steps, in hex: the same plan has the same hash. */
  hash: string;
  steps: PlanStep[];
  refusals: Refusal[];
  /** What the reader should know: selectors without later objects, row security, databases that were not read. */
  notes: string[];
  impact: Impact;
}

/** What a plan does to people. */
export interface Impact {
  objects: { database: string; label: string; changes: number }[];
  roles: string[];
  /** Effective access of logins that changes. */
  gained: AccessChange[];
  lost: AccessChange[];
  /** Open sessions of roles that are changed and of logins that lose access: they keep what they hold until they end. */
  sessions?: { role: string; sessions: number }[];
  /** How many more entries each list would have; left out where all are there. */
  more?: { objects: number; roles: number; gained: number; lost: number };
}

/** Logins whose effective access to one object changes in the same way. */
export interface AccessChange {
  /** `*`: in several databases, which the sentence names. */
  database: string;
  /** `table billing.cards`, `240 tables of schema app` */
  object: string;
  /** `SELECT`, `SELECT (number, expiry)`; `ALL` is what superusers have. */
  privilege: string;
  /** The first ones by name. */
  logins: string[];
  /** How many more there are. */
  moreLogins?: number;
  /** Only after SET ROLE, to one of `through`. */
  bySetRole?: true;
  /** Groups, PUBLIC, ownership or superuser that it comes through; empty where it is granted directly. */
  through: string[];
  /** `3 more logins can SELECT table billing.cards, through group reporting` */
  sentence: string;
}

export const VERIFIER_MASK = "'********'";

/** The statement as it may be shown. */
export function maskedSql(statement: PlannedStatement): string {
  return statement.verifierOf === undefined
    ? statement.sql
    : `${statement.sql}${VERIFIER_MASK}${statement.after ?? ''}`;
}
