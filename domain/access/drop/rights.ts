import { quoteIdentifier } from '../../sql/quote.ts';
import { DATABASE_OWNER_ROLE } from '../roles/rules.ts';

/** Privileges that one grantor gave one grantee on one object, as `rightsSql` reads them. */
export interface RightRow {
  /** After GRANT … ON. */
  keyword: string;
  /** The object's name as the server writes it in SQL: trusted. */
  object: string;
  /** Only this column. */
  column: string | null;
  owner: string;
  grantor: string;
  /** Null: PUBLIC. */
  grantee: string | null;
  grantable: boolean;
  /** Keywords, in order. */
  privileges: string[];
}

/** Statements that a role has to run. */
export interface ActingStatement {
  actor: string;
  sql: string;
}

/** How the rights of a role end without taking those of others along. */
export interface RightsPlan {
  /** What the role gave on by a grant option, given again by each object's owner. */
  regrants: ActingStatement[];
  /** What it was given, by each grantor; CASCADE then finds nothing that the owner did not give again. */
  revokes: ActingStatement[];
  /** Roles whose rights that takes. */
  actors: string[];
  revoked: number;
  /** For people: `SELECT on TABLE app.t to reporting`. */
  regranted: string[];
}

/** Objects named in one statement: locks and messages stay within reason. */
const OBJECTS_PER_STATEMENT = 200;

/**
 * Plans how all rights of a role in a database end. DROP OWNED alone would not do: it revokes only what the owner gave, with
 * CASCADE, so that others lose what the role gave on, and what other grantors gave it stays (`RemoveRoleFromObjectACL` in
 * src/backend/catalog/aclchk.c).
 * @param input.databaseOwner acts for `pg_database_owner`
 */
export function planRights(input: { role: string; rows: readonly RightRow[]; databaseOwner: string }): RightsPlan {
  const { role, rows } = input;
  const actor = (name: string) => (name === DATABASE_OWNER_ROLE ? input.databaseOwner : name);
  const given = rows.filter(({ grantor, grantee }) => grantor === role && grantee !== role);
  const had = rows.filter(({ grantee }) => grantee === role);
  const regrants = statements(given, {
    actor: ({ owner }) => actor(owner),
    sql: (row, privileges, on) =>
      `GRANT ${privileges} ON ${on} TO ${granteeSql(row)}${row.grantable ? ' WITH GRANT OPTION' : ''}`,
  });
  const revokes = statements(had, {
    actor: ({ grantor }) => actor(grantor),
    sql: (row, privileges, on) => `REVOKE ${privileges} ON ${on} FROM ${granteeSql(row)} CASCADE`,
  });
  return {
    regrants,
    revokes,
    actors: [...new Set([...regrants, ...revokes].map((statement) => statement.actor))].toSorted(),
    revoked: had.reduce((sum, { privileges }) => sum + privileges.length, 0),
    regranted: given.map(
      ({ privileges, column, keyword, object, grantee }) =>
        `${privileges.join(', ')}${column === null ? '' : ` (${column})`} on ${keyword} ${object} to ${grantee ?? 'PUBLIC'}`,
    ),
  };
}

interface Rendering {
  actor(row: RightRow): string;
  sql(row: RightRow, privileges: string, on: string): string;
}

/** One statement for all objects that get the same, in the order of their first appearance. */
function statements(rows: readonly RightRow[], rendering: Rendering): ActingStatement[] {
  const groups = new Map<string, RightRow[]>();
  for (const row of rows) {
    const { keyword, column, grantee, grantable, privileges } = row;
    const key = JSON.stringify([rendering.actor(row), keyword, column, grantee, grantable, privileges]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].flatMap((group) =>
    chunks(group, OBJECTS_PER_STATEMENT).flatMap((part) => {
      const [first] = part;
      if (first === undefined) return [];
      const columns = first.column === null ? '' : ` (${quoteIdentifier(first.column)})`;
      const privileges = first.privileges.map((privilege) => `${privilege}${columns}`).join(', ');
      const on = `${first.keyword} ${part.map(({ object }) => object).join(', ')}`;
      return [{ actor: rendering.actor(first), sql: rendering.sql(first, privileges, on) }];
    }),
  );
}

function granteeSql({ grantee }: RightRow): string {
  return grantee === null ? 'PUBLIC' : quoteIdentifier(grantee);
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
