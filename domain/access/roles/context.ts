import type { Problem } from '../../spec/problems.ts';
import type { Change } from '../changes.ts';
import type { AccessDocument } from '../document.ts';
import type { ObservedServer } from '../observed.ts';
import type { Refusal } from '../plan.ts';

/** What a document is compared with. */
export interface AccessContext {
  document: AccessDocument;
  /** All roles and memberships of the server: part of them would hide cycles and dependent grants. */
  observed: ObservedServer;
  /** Roles whose submitted password must be set; a role that does not exist yet always gets it. */
  changedPasswords: ReadonlySet<string>;
  /** Roles on record under another owner, with that owner: `database/storefront`. */
  foreign: ReadonlyMap<string, string>;
  /** Whoever asks is no administrator here: what reaches beyond ordinary roles and objects is refused (R1, R5). */
  withoutAdminRole?: boolean | undefined;
}

/** Outcome of one comparison. */
export interface AccessDiff {
  /** In the order in which they take effect. Those that a rule refuses are left out, unless others build on them. */
  changes: Change[];
  /** Where in the document a change is asked for. */
  paths: Map<Change, string>;
  /** Why the document cannot be planned on this server. */
  problems: Problem[];
  refusals: Refusal[];
  notes: string[];
}

/** A comparison that has found nothing yet. */
export function emptyDiff(): AccessDiff {
  return { changes: [], paths: new Map(), problems: [], refusals: [], notes: [] };
}

/** Adds a change with the place in the document that asks for it. */
export function addChange(diff: AccessDiff, change: Change, path: string): void {
  diff.changes.push(change);
  diff.paths.set(change, path);
}

/** Whether the server keeps one membership row per grantor, with the options INHERIT and SET (16+). */
export function hasMembershipOptions(versionNum: number): boolean {
  return versionNum >= 160_000;
}

/** Major version for messages: `PostgreSQL 15`. */
export function serverVersion(versionNum: number): string {
  return `PostgreSQL ${Math.floor(versionNum / 10_000)}`;
}
