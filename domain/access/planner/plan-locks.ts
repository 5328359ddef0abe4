import type { Change } from '../changes.ts';

type Keys<T extends Change['type']> = (change: Extract<Change, { type: T }>) => string[];

const KEYS: { [T in Change['type']]: Keys<T> } = {
  create_role: ({ role }) => [`role:${role}`],
  alter_role: ({ role }) => [`role:${role}`],
  comment_role: ({ role }) => [`role:${role}`],
  set_setting: ({ role }) => [`role:${role}`],
  reset_setting: ({ role }) => [`role:${role}`],
  grant_membership: ({ role, member }) => [`role:${role}`, `role:${member}`],
  revoke_membership: ({ role, member }) => [`role:${role}`, `role:${member}`],
  own_database: ({ database }) => [`database:${database}`],
  own_object: ({ database, object }) => [schemaKey(database, object)],
  grant: ({ database, object }) => [objectKey(database, object)],
  revoke: ({ database, object }) => [objectKey(database, object)],
  grant_default: ({ database, creator }) => [`defaults:${database}/${creator}`],
  revoke_default: ({ database, creator }) => [`defaults:${database}/${creator}`],
};

/**
 * Advisory locks of `domain/sql/locks.ts` for changes, in their order: one for each role, database, schema (with what lies in
 * it) and creator of default privileges.
 * @param lent roles that are lent to the admin role meanwhile
 */
export function planLocks(changes: readonly Change[], lent: Iterable<string>): string[] {
  const keys = new Set([...lent].map((role) => `role:${role}`));
  for (const change of changes) for (const key of (KEYS[change.type] as Keys<Change['type']>)(change)) keys.add(key);
  return [...keys].toSorted();
}

type Ref = Extract<Change, { type: 'grant' }>['object'];

function objectKey(database: string, object: Ref): string {
  return object.kind === 'database' ? `database:${database}` : schemaKey(database, object);
}

/** Kinds that lie in no schema share one lock. */
function schemaKey(database: string, { kind, schema, name }: Ref): string {
  return `schema:${database}/${kind === 'schema' ? name : (schema ?? '')}`;
}
