import type { SubmittedDocument } from '../access/document/schema.ts';
import type { FindingKind } from './policy.ts';

type Entry<K extends keyof SubmittedDocument> = NonNullable<SubmittedDocument[K]>[number];
export type SubmittedRole = Entry<'roles'>;
export type SubmittedMembership = Entry<'memberships'>;
export type SubmittedSetting = Entry<'settings'>;
export type SubmittedDatabase = Entry<'databases'>;

/** What a finding was held against: the managed document, or what is on record of a managed role. */
export type DriftSource = 'document' | 'credential';

/** The part of a document that takes one difference back. */
export type Repair =
  | { role: SubmittedRole }
  | { membership: SubmittedMembership }
  | { setting: SubmittedSetting }
  | { database: SubmittedDatabase }
  | { passwordOf: string };

/** One difference between what a server has and what it should have. Texts hold no secret. */
export interface DriftFinding {
  /** The same for the same difference at every look. */
  key: string;
  kind: FindingKind;
  source: DriftSource;
  role?: string;
  database?: string;
  object?: string;
  expected: string;
  found: string;
  /** What repairs it, or why nothing does. */
  repair: Repair | { none: string };
}

/** Key of a finding: every part that tells it from others. */
export function findingKey(kind: FindingKind, ...parts: (string | null | undefined)[]): string {
  return JSON.stringify([kind, ...parts.map((part) => part ?? null)]);
}
