import { type DefaultKind, OBJECT_KINDS } from '../objects.ts';
import { builtinAcl, type ObservedDefault, type ObservedServer } from '../observed.ts';
import { type AclList, aclListOf, isSameAcl } from './acl-list.ts';

/** Which default privileges: those of a creator for a kind of objects, in one schema or (null) in all. */
export interface DefaultPlace {
  creator: string;
  schema: string | null;
  on: DefaultKind;
}

/** Default privileges of a database while they are being changed. */
export interface DefaultAcls {
  /** The list of a place; the built-in one, or an empty one for a schema, where no row is. */
  listOf(place: DefaultPlace): AclList;
  /** Places that have a row, or whose list was asked for. */
  places(): DefaultPlace[];
  /** Whether what the place gives is not the built-in default. */
  hasRow(place: DefaultPlace): boolean;
  /** Rows as the catalog would have them: one that says the same as no row is gone (`SetDefaultACL`). */
  rows(): ObservedDefault[];
}

export function defaultKey({ creator, schema, on }: DefaultPlace): string {
  return `${creator}\0${schema ?? ''}\0${on}`;
}

/** Copies of rows that can be changed. */
export function defaultAclsOf(
  rows: readonly ObservedDefault[],
  server: Pick<ObservedServer, 'builtinAcls'>,
): DefaultAcls {
  const lists = new Map<string, { place: DefaultPlace; list: AclList }>();
  for (const { acl, ...place } of rows) lists.set(defaultKey(place), { place, list: aclListOf(acl) });

  function unchanged({ creator, schema, on }: DefaultPlace): AclList {
    return aclListOf(schema === null ? builtinAcl(server, OBJECT_KINDS[on].aclKind, creator) : []);
  }

  return {
    listOf(place) {
      const key = defaultKey(place);
      const known = lists.get(key);
      if (known !== undefined) return known.list;
      const list = unchanged(place);
      lists.set(key, { place, list });
      return list;
    },
    hasRow(place) {
      const known = lists.get(defaultKey(place));
      return known !== undefined && !isSameAcl(known.list, unchanged(place));
    },
    places: () => [...lists.values()].map(({ place }) => place),
    rows: () =>
      [...lists.values()]
        .filter(({ place, list }) => !isSameAcl(list, unchanged(place)))
        .map(({ place: { creator, schema, on }, list }) => ({ creator, schema, on, acl: [...list.values()] })),
  };
}
