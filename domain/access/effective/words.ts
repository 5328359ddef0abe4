import type { PrivilegeName } from '../privileges.ts';

/** What somebody who has a privilege can do to the object that is named after it. */
const ABILITIES: Record<PrivilegeName, string> = {
  INSERT: 'INSERT into',
  SELECT: 'SELECT',
  UPDATE: 'UPDATE',
  DELETE: 'DELETE from',
  TRUNCATE: 'TRUNCATE',
  REFERENCES: 'make foreign keys to',
  TRIGGER: 'create triggers on',
  EXECUTE: 'EXECUTE',
  USAGE: 'use',
  CREATE: 'CREATE in',
  TEMPORARY: 'create temporary tables in',
  CONNECT: 'CONNECT to',
  SET: 'SET',
  'ALTER SYSTEM': 'ALTER SYSTEM SET',
  MAINTAIN: 'MAINTAIN',
};

/** Column names are listed up to here. */
const MAX_COLUMNS = 10;

/** For people: `SELECT table app.orders`, `SELECT (id, name) of table app.orders`. */
export function ability(privilege: PrivilegeName, object: string, columns: readonly string[] = []): string {
  return columns.length === 0
    ? `${ABILITIES[privilege]} ${object}`
    : `${privilege} ${columnList(columns)} of ${object}`;
}

/** `(id, name)`, as GRANT writes columns. */
export function columnList(columns: readonly string[]): string {
  const shown = columns.slice(0, MAX_COLUMNS).join(', ');
  return columns.length > MAX_COLUMNS ? `(${shown} and ${columns.length - MAX_COLUMNS} more)` : `(${shown})`;
}

/** `1 login`, `3 logins`; `1 more login`. */
export function logins(count: number, more = ''): string {
  return `${count} ${more}${count === 1 ? 'login' : 'logins'}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function joined(texts: readonly string[]): string {
  return texts.length < 2 ? (texts[0] ?? '') : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`;
}
