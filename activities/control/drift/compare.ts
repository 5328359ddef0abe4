import { parseDocument } from '../../../domain/access/document/parse.ts';
import type { ObservedServer } from '../../../domain/access/observed.ts';
import { type DriftFinding, type DriftSource, findingKey, type SubmittedRole } from '../../../domain/drift/finding.ts';
import { findingsOf } from '../../../domain/drift/from-changes.ts';
import { ASPECTS, type Aspect, refreshed, snapshotDocument, snapshotOf } from '../../../domain/drift/snapshot.ts';
import { isTouched, type Touched, touchByDocument } from '../../../domain/drift/touched.ts';
import { formatProblems, type Problem } from '../../../domain/spec/problems.ts';
import { planOn } from '../../../platform/access/plan.ts';
import type { GuardedRole, ManagedRole } from '../../../store/drift/guarded-roles.ts';
import type { DriftRecords, RecentChanges } from './records.ts';

/** What a server has that it should not, or lacks, passwords left out. */
export interface Comparison {
  findings: DriftFinding[];
  /** Snapshots to keep, without a word on passwords. */
  snapshots: Map<string, SubmittedRole>;
  /** Managed roles that are there and ours: their passwords can be judged. */
  present: ManagedRole[];
  /** Snapshots of roles that are not managed any more. */
  forgotten: string[];
}

const ALL_ASPECTS = Object.keys(ASPECTS) as Aspect[];

/** Holds a server against the managed document, and its managed roles against what they were when they were last right. */
export function compareServer(records: DriftRecords, recent: RecentChanges, observed: ObservedServer): Comparison {
  const governed = governedBy(records.document?.document);
  const roles = compareRoles(records, { recent, governed, observed });
  const all = [...compareDocument(records.document?.document, observed), ...roles.findings];
  const distinct = new Map<string, DriftFinding>();
  for (const finding of all) {
    if (isTouched(recent.underWay, finding.role, finding.kind) || distinct.has(finding.key)) continue;
    distinct.set(finding.key, finding);
  }
  return { ...roles, findings: [...distinct.values()] };
}

/** What of roles the managed document says itself: there it is what counts. */
function governedBy(document: unknown): Touched {
  const governed: Touched = new Map();
  const parsed = document === undefined ? undefined : parseDocument(document);
  if (parsed?.ok) touchByDocument(governed, parsed.document, {});
  return governed;
}

function compareDocument(document: unknown, observed: ObservedServer): DriftFinding[] {
  return document === undefined ? [] : differences(document, observed, 'document');
}

function differences(submitted: unknown, observed: ObservedServer, source: DriftSource): DriftFinding[] {
  const parsed = parseDocument(submitted);
  if (!parsed.ok) return [incomparable(source, parsed.problems)];
  const { document } = parsed;
  const planned = planOn({ document, observed, changedPasswords: new Set(), foreign: new Map() });
  if (!planned.ok) return [incomparable(source, planned.problems)];
  return findingsOf({ changes: planned.changes, before: observed, after: planned.after, source });
}

/** Longest text of problems that a finding tells. */
const MAX_TEXT = 2_000;

function incomparable(source: DriftSource, problems: readonly Problem[]): DriftFinding {
  const what = source === 'document' ? 'the managed document' : 'what is on record of managed roles';
  return {
    key: findingKey('document', source),
    kind: 'document',
    source,
    expected: `a server that ${what} can be held against`,
    found: formatProblems([...problems]).slice(0, MAX_TEXT),
    repair: { none: 'see to what it names; nothing else of it is compared until then' },
  };
}

function compareRoles(
  { managed, guarded }: DriftRecords,
  { recent, governed, observed }: { recent: RecentChanges; governed: Touched; observed: ObservedServer },
): Comparison {
  const now = snapshotOf(observed);
  const findings: DriftFinding[] = [];
  const snapshots = new Map<string, SubmittedRole>();
  const judged = new Map<string, SubmittedRole>();
  const present: ManagedRole[] = [];
  for (const role of managed) {
    const { name } = role;
    const there = observed.roles.get(name);
    const current = now.get(name);
    if (there === undefined) findings.push(missing(role));
    else if (there.oid !== role.oid) findings.push(replaced(role, there.oid));
    else {
      present.push(role);
      if (current === undefined) continue;
      const before = guarded.get(name);
      const known = before?.oid === role.oid ? before.state : current;
      const meant = refreshed(known, current, aspectsOf(name, [recent.ended, governed]));
      snapshots.set(name, meant);
      judged.set(name, refreshed(meant, current, aspectsOf(name, [recent.underWay])));
    }
  }
  const leftOut = new Set(managed.map(({ name }) => name).filter((name) => !judged.has(name)));
  const { document, findings: gone } = snapshotDocument(judged, now, observed, leftOut);
  const lost = gone.filter(({ object }) => !recent.dropped.has(object?.replace(/^role /, '') ?? ''));
  const known = new Set(managed.map(({ name }) => name));
  return {
    findings: [...findings, ...lost, ...(judged.size === 0 ? [] : differences(document, observed, 'credential'))],
    snapshots,
    present,
    forgotten: [...guarded.keys()].filter((name) => !known.has(name)),
  };
}

function aspectsOf(role: string, sources: readonly Touched[]): Set<Aspect> {
  return new Set(ALL_ASPECTS.filter((aspect) => sources.some((touched) => isTouched(touched, role, aspect))));
}

function missing({ name }: ManagedRole): DriftFinding {
  return {
    key: findingKey('missing_role', name),
    kind: 'missing_role',
    source: 'credential',
    role: name,
    expected: `role ${name}`,
    found: 'no such role',
    repair: {
      none: 'what it owned and was granted went with it: make it again by the request that made it, or drop it here as well',
    },
  };
}

function replaced({ name, oid }: ManagedRole, found: number): DriftFinding {
  return {
    key: findingKey('replaced_role', name),
    kind: 'replaced_role',
    source: 'credential',
    role: name,
    expected: `role ${name} with OID ${oid}`,
    found: `another role of that name, with OID ${found}`,
    repair: { none: 'it was made by somebody else and is left alone' },
  };
}

/** A snapshot as it is kept, with what is known of the password. */
export function guardedRole(
  role: ManagedRole,
  state: SubmittedRole,
  { mark, provenAt }: Pick<GuardedRole, 'mark' | 'provenAt'>,
): GuardedRole {
  return { name: role.name, oid: role.oid, state, mark, version: role.version, provenAt };
}
