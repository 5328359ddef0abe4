import type { AclEntry } from '../observed.ts';

/**
 * An access control list that is being changed: entries by grantee and grantor, in the list's order. The entries themselves
 * are never changed in place, because observed lists share them.
 */
export type AclList = Map<string, AclEntry>;

/** Whether a role has the rights of another one, itself included: `has_privs_of_role`. */
export type HasPrivilegesOf = (member: string, role: string) => boolean;

/** What a change of a list depends on besides the list. */
export interface AclContext {
  owner: string;
  hasPrivilegesOf: HasPrivilegesOf;
}

function entryKey(grantee: string, grantor: string): string {
  return `${grantee}\0${grantor}`;
}

/** The list of an object as one that can be changed. */
export function aclListOf(acl: readonly AclEntry[]): AclList {
  const list: AclList = new Map();
  for (const entry of acl) list.set(entryKey(entry.grantee, entry.grantor), entry);
  return list;
}

/** The entry of a grantee and grantor. */
export function findEntry(list: AclList | undefined, grantee: string, grantor: string): AclEntry | undefined {
  return list?.get(entryKey(grantee, grantor));
}

/** Adds rights to the entry of the grantee and grantor, or a new one at the end (`aclupdate` with `ACL_MODECHG_ADD`). */
export function addToAcl(list: AclList, added: AclEntry): void {
  const key = entryKey(added.grantee, added.grantor);
  const old = list.get(key);
  list.set(key, {
    grantee: added.grantee,
    grantor: added.grantor,
    privileges: (old?.privileges ?? 0) | added.privileges,
    grantable: (old?.grantable ?? 0) | added.grantable,
  });
}

/**
 * Takes rights out of one entry; grants that rest on a grant option lost by this go too, however long the chain (`aclupdate`
 * with `ACL_MODECHG_DEL` and `recursive_revoke` with `DROP_CASCADE`, src/backend/utils/adt/acl.c).
 * @returns whether other entries were changed, which RESTRICT would have refused
 */
export function removeFromAcl(list: AclList, removed: AclEntry, context: AclContext): boolean {
  const key = entryKey(removed.grantee, removed.grantor);
  const old = list.get(key);
  if (old === undefined) return false;
  const privileges = old.privileges & ~removed.privileges;
  const grantable = old.grantable & ~removed.grantable;
  if (privileges === 0 && grantable === 0) list.delete(key);
  else list.set(key, { ...old, privileges, grantable });
  const lost = old.grantable & ~grantable;
  return lost !== 0 && removeAbandoned(list, removed.grantee, lost, context);
}

/** `recursive_revoke`: whoever still has the option, by another grantor or through a role, keeps what it granted. */
function removeAbandoned(list: AclList, grantor: string, lost: number, context: AclContext): boolean {
  const abandoned = lost & ~grantOptionsOf(list, grantor, context);
  if (abandoned === 0) return false;
  let changed = false;
  for (const entry of [...list.values()]) {
    if (entry.grantor !== grantor || (entry.privileges & abandoned) === 0) continue;
    removeFromAcl(list, { ...entry, privileges: abandoned, grantable: abandoned }, context);
    changed = true;
  }
  return changed;
}

/** Grant options that a role has on its own or through roles whose rights it has: `aclmask` for grant options. */
function grantOptionsOf(list: AclList, role: string, { owner, hasPrivilegesOf }: AclContext): number {
  if (hasPrivilegesOf(role, owner)) return ~0;
  let options = 0;
  for (const entry of list.values()) {
    if (entry.grantable !== 0 && hasPrivilegesOf(role, entry.grantee)) options |= entry.grantable;
  }
  return options;
}

/** The list after a change of owner: the new one takes the old one's place as grantee and grantor (`aclnewowner`). */
export function aclOfNewOwner(list: AclList, from: string, to: string): AclList {
  const named = (name: string) => (name === from ? to : name);
  const changed: AclList = new Map();
  for (const entry of list.values()) {
    addToAcl(changed, { ...entry, grantee: named(entry.grantee), grantor: named(entry.grantor) });
  }
  return changed;
}

/** What one grantee has directly, by all grantors together. */
export interface Held {
  privileges: number;
  /** The part of `privileges` held with grant option. */
  grantable: number;
}

export const NOTHING_HELD: Readonly<Held> = Object.freeze({ privileges: 0, grantable: 0 });

/** What every grantee of a list has directly. */
export function heldByGrantee(entries: Iterable<AclEntry>): Map<string, Held> {
  const held = new Map<string, Held>();
  for (const { grantee, privileges, grantable } of entries) {
    const known = held.get(grantee);
    if (known === undefined) held.set(grantee, { privileges, grantable });
    else {
      known.privileges |= privileges;
      known.grantable |= grantable;
    }
  }
  return held;
}

/** Whether two lists have the same entries, in whatever order. */
export function isSameAcl(list: AclList, other: AclList): boolean {
  if (list.size !== other.size) return false;
  for (const [key, entry] of list) {
    const match = other.get(key);
    if (match?.privileges !== entry.privileges || match.grantable !== entry.grantable) return false;
  }
  return true;
}
