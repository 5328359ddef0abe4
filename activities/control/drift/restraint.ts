/** What keeps repairs back. */
import type { DriftFinding } from '../../../domain/drift/finding.ts';
import type { Restraint } from '../../../domain/drift/judge.ts';
import type { DriftKind } from '../../../domain/drift/policy.ts';
import { isTouched, type Touched } from '../../../domain/drift/touched.ts';
import type { DriftLook } from '../../../store/drift/looks.ts';
import { maintenanceText } from '../../../store/maintenance.ts';
import type { Sight } from './sight.ts';

/** Nobody has looked for this long, and for several intervals: what changed meanwhile may have been meant. */
const BLIND_MS = 3_600_000;
const BLIND_INTERVALS = 6;

/** Why nothing is repaired until somebody says so; null: nothing keeps it back. */
export function heldBackBy(current: DriftLook, { history, records }: Sight): string | null {
  if (current.heldBack !== null) return current.heldBack;
  if (history === 'went_back') {
    return 'the server is further back than it was, as after a backup was restored: all that differs is reported, and nothing is repaired before somebody asks for a check with "resume": true';
  }
  if (current.metadata !== null && current.metadata !== records.metadata) {
    return 'the metadata database is another one than at the last look, as after a backup of it was restored: what it does not know may be meant, and nothing is repaired before somebody asks for a check with "resume": true';
  }
  const silence = current.lookedAt === null ? 0 : records.begunAt.getTime() - current.lookedAt.getTime();
  if (silence > Math.max(BLIND_MS, BLIND_INTERVALS * records.policy.intervalSeconds * 1_000)) {
    return `nobody looked from ${current.lookedAt?.toISOString()} on: what changed meanwhile may have been meant, and nothing is repaired before somebody asks for a check with "resume": true`;
  }
  return null;
}

export type Superseded = NonNullable<DriftLook['superseded']>;

/** What requests have changed on purpose since the managed document was recorded. */
export function supersededBy(current: DriftLook, { records, inspected }: Sight): Superseded | null {
  const { document } = records;
  if (document === undefined) return null;
  const id = `${document.source} ${document.recordedAt.toISOString()}`;
  const known = current.superseded?.document === id ? current.superseded.roles : {};
  const roles = new Map(Object.entries(known).map(([role, kinds]) => [role, new Set(kinds)]));
  for (const [role, kinds] of inspected?.recent.endedSince(document) ?? []) {
    roles.set(role, new Set([...(roles.get(role) ?? []), ...kinds]));
  }
  return { document: id, roles: Object.fromEntries([...roles].map(([role, kinds]) => [role, [...kinds]])) };
}

/** Of all findings, and of each. */
export function restraintOf(
  { serverName, sight }: { serverName: string; sight: Sight },
  { heldBack, superseded }: { heldBack: string | null; superseded: Superseded | null },
): Restraint {
  const { maintenance } = sight.records;
  const touched: Touched = new Map(
    Object.entries(superseded?.roles ?? {}).map(([role, kinds]) => [role, new Set(kinds as DriftKind[])]),
  );
  return {
    all:
      maintenance === undefined
        ? (heldBack ?? undefined)
        : maintenanceText(serverName, maintenance, 'drift is not repaired'),
    of: ({ source, role, kind }: DriftFinding) =>
      source === 'document' && isTouched(touched, role, kind)
        ? 'a later request through this installation changed it: apply the document again, or name one that agrees with it'
        : undefined,
  };
}
