import type { KindPrivileges } from './kinds.ts';

/** Whether users of a kind may create objects, which then belong to them. */
export function mayCreate({ database, schemas }: KindPrivileges): boolean {
  return database.includes('CREATE') || schemas.includes('CREATE');
}

/** Whether users of a kind may change anything that lasts. */
export function mayWrite(privileges: KindPrivileges): boolean {
  return (
    mayCreate(privileges) ||
    privileges.tables.some((name) => name !== 'SELECT') ||
    privileges.sequences.some((name) => name !== 'SELECT') ||
    privileges.routines.length > 0
  );
}

const LISTS = ['database', 'schemas', 'tables', 'sequences', 'routines'] as const satisfies (keyof KindPrivileges)[];

/** Whether two lists of privileges say the same. */
export function samePrivileges(a: KindPrivileges, b: KindPrivileges): boolean {
  return LISTS.every((list) => a[list].toSorted().join() === b[list].toSorted().join());
}
