import { type Problem, quoted } from '../../spec/problems.ts';
import type { Change } from '../changes.ts';
import type { AccessDocument } from '../document.ts';
import type { ObservedServer } from '../observed.ts';
import { PUBLIC } from '../observed.ts';

/** What is asked for, and what is there. */
export interface DiffContext {
  document: AccessDocument;
  observed: ObservedServer;
}

/** What a comparison found. */
export interface Findings {
  /** In the order in which they are to be made. */
  changes: Change[];
  /** Why the document cannot be planned on this server. */
  problems: Problem[];
  /** What the reader of the plan should know. */
  notes: string[];
}

export function noFindings(): Findings {
  return { changes: [], problems: [], notes: [] };
}

/** Documents are never changed, and one is compared with many databases. */
const namesOfRoles = new WeakMap<AccessDocument['roles'], ReadonlySet<string>>();

/** Roles that are there or that the same document makes. */
export function knownRoles({ document, observed }: DiffContext): (role: string) => boolean {
  const desired = namesOfRoles.get(document.roles) ?? new Set(document.roles.map(({ name }) => name));
  namesOfRoles.set(document.roles, desired);
  return (role) => observed.roles.has(role) || desired.has(role);
}

/** The grantees that are known; a problem for each of the others. PUBLIC is always known. */
export function knownGrantees(
  to: readonly string[],
  at: string,
  isKnown: (role: string) => boolean,
  problems: Problem[],
): string[] {
  const grantees = new Set<string>();
  to.forEach((grantee, index) => {
    if (grantee === PUBLIC || isKnown(grantee)) grantees.add(grantee);
    else problems.push({ path: `${at}[${index}]`, message: missingRole(grantee) });
  });
  return [...grantees];
}

export function missingRole(role: string): string {
  return `there is no role ${quoted(role)}, and the document does not make it`;
}
