import type { AccessDocument } from '../document.ts';
import { PUBLIC } from '../observed.ts';
import { allMemberships } from './rules/memberships.ts';
import { allSettings } from './rules/settings.ts';

/** A name in a document, with its place. */
interface Reference {
  name: string;
  at: string;
}

/** Every place where a document names a role that is to be there; not what is to end, and not PUBLIC. */
export function* roleReferences(document: AccessDocument): Iterable<Reference> {
  for (const { name, at } of document.roles) yield { name, at: `${at}.name` };
  for (const { role, member, absent, at } of allMemberships(document)) {
    if (!absent) yield* [role, member].map((name) => ({ name, at }));
  }
  for (const { role, value, at } of allSettings(document)) if (value !== null) yield { name: role, at };
  for (const { at, owner, exactGrantees, grants, revokes, defaultPrivileges, owners } of document.databases) {
    if (owner !== undefined) yield { name: owner, at: `${at}.owner` };
    yield* grantees(exactGrantees, `${at}.exact_grantees`);
    for (const grant of grants) {
      yield* grantees(grant.to, `${grant.at}.to`);
      yield* grantees(grant.laterBy, `${grant.at}.later`);
    }
    for (const revoke of revokes) yield* grantees(revoke.to, `${revoke.at}.from`);
    for (const entry of defaultPrivileges) {
      yield { name: entry.creator, at: `${entry.at}.creator` };
      yield* grantees(entry.to, `${entry.at}.to`);
    }
    for (const entry of owners) yield { name: entry.owner, at: `${entry.at}.owner` };
  }
}

function grantees(names: readonly string[], at: string): Reference[] {
  return names.filter((name) => name !== PUBLIC).map((name) => ({ name, at }));
}

/** Every place where a document names a database. */
export function* databaseReferences(document: AccessDocument): Iterable<Reference> {
  for (const { name, at } of document.databases) yield { name, at: `${at}.name` };
  for (const { database, value, at } of allSettings(document)) {
    if (database !== null && value !== null) yield { name: database, at };
  }
}
