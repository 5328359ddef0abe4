import { type ObjectKind, privilegesOf } from '../access/objects.ts';
import { isPrivilegeName, type PrivilegeName } from '../access/privileges.ts';

/** Objects of a schema, as `GRANT … ON ALL TABLES IN SCHEMA` has them: tables are views and foreign tables, too. */
export const SCHEMA_OBJECTS = {
  tables: ['table', 'view', 'foreign_table'],
  sequences: ['sequence'],
  routines: ['routine'],
} as const satisfies Record<string, readonly ObjectKind[]>;

export type SchemaObjects = keyof typeof SCHEMA_OBJECTS;

/** What default privileges cover of them. */
export const LATER_KIND: Readonly<Record<SchemaObjects, ObjectKind>> = {
  tables: 'table',
  sequences: 'sequence',
  routines: 'routine',
};

/** Newest version that is known: which of its privileges a server has is seen on the server. */
const NEWEST_VERSION = 180_000;

/** Privileges as people write them; `ALL` for all. Words that are no privilege are told apart. */
export function readPrivilegeWords(words: string | readonly string[]): {
  privileges: PrivilegeName[] | 'ALL';
  unknown: string[];
} {
  const list = (typeof words === 'string' ? [words] : words).map((word) => word.trim().toUpperCase());
  if (list.some((word) => word === 'ALL' || word === 'ALL PRIVILEGES')) return { privileges: 'ALL', unknown: [] };
  const known = list.map((word) => (word === 'TEMP' ? 'TEMPORARY' : word));
  return { privileges: known.filter(isPrivilegeName), unknown: known.filter((word) => !isPrivilegeName(word)) };
}

/** Privileges that objects of a schema cannot have. */
export function unfit(objects: SchemaObjects, privileges: readonly PrivilegeName[] | 'ALL'): PrivilegeName[] {
  if (privileges === 'ALL') return [];
  const possible = privilegesOf(LATER_KIND[objects], NEWEST_VERSION);
  return privileges.filter((name) => !possible.includes(name));
}
