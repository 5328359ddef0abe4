import type { AccessDocument } from '../access/document.ts';
import { PUBLIC } from '../access/observed.ts';

/** Every role that a document names: what patterns of approval policies are held against. */
export function rolesNamed(document: AccessDocument): string[] {
  const names = new Set<string>();
  for (const role of document.roles) {
    names.add(role.name);
    for (const membership of role.memberOf ?? []) names.add(membership.role);
    for (const membership of role.members ?? []) names.add(membership.member);
  }
  for (const { role, member } of document.memberships) {
    names.add(role);
    names.add(member);
  }
  for (const { role } of document.settings) names.add(role);
  for (const database of document.databases) {
    if (database.owner !== undefined) names.add(database.owner);
    for (const { owner } of database.owners) names.add(owner);
    for (const name of database.exactGrantees) names.add(name);
    for (const { creator } of database.defaultPrivileges) names.add(creator);
    for (const { laterBy } of database.grants) for (const creator of laterBy) names.add(creator);
    for (const { to } of [...database.grants, ...database.revokes, ...database.defaultPrivileges]) {
      for (const grantee of to) names.add(grantee);
    }
  }
  return [...names].map((name) => (name === PUBLIC ? 'PUBLIC' : name)).toSorted();
}
