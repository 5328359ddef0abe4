import { OBJECT_KINDS, type ObjectKind } from '../../../domain/access/objects.ts';
import { type AclEntry, builtinAcl, type ObservedServer } from '../../../domain/access/observed.ts';

/** What objects have whose list is NULL; read with the server. */
export type Builtins = Pick<ObservedServer, 'builtinAcls'>;

/** Built-in lists: one for each kind and owner, shared and frozen. */
export function builtinLists(cluster: Builtins): (kind: ObjectKind, owner: string) => readonly AclEntry[] {
  const lists = new Map<string, readonly AclEntry[]>();
  return (kind, owner) => {
    const { aclKind } = OBJECT_KINDS[kind];
    const key = `${aclKind}${owner}`;
    const known = lists.get(key);
    if (known !== undefined) return known;
    const list = Object.freeze(builtinAcl(cluster, aclKind, owner).map((entry) => Object.freeze(entry)));
    lists.set(key, list);
    return list;
  };
}
