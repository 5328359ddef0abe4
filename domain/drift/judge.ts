import type { DriftFinding } from './finding.ts';
import { actionFor, type DriftPolicy, type FindingKind } from './policy.ts';
import { isRepairable, type Repairable } from './repair.ts';

export type FindingState = 'open' | 'repaired' | 'ignored' | 'resolved';

/** A finding as it is on record. */
export interface KnownFinding {
  id: string;
  key: string;
  kind: FindingKind;
  state: FindingState;
  role: string | null;
  /** Repairs in a row that did not last. */
  repairs: number;
  heldBack: string | null;
  /** Task of the last repair, and whether it is under way or how it ended. */
  taskId: string | null;
  taskStatus: string | null;
  endedAt: Date | null;
}

/** What keeps repairs back. */
export interface Restraint {
  /** For all: maintenance, a backup that was restored. */
  all: string | undefined;
  /** For one finding: something that a request changed on purpose. */
  of(finding: DriftFinding): string | undefined;
}

/** A finding with what becomes of it. */
export interface Judged {
  finding: DriftFinding;
  state: 'open' | 'ignored';
  heldBack: string | null;
  repairs: number;
  /** It was not open before. */
  fresh: boolean;
  /** From now on somebody else is taken to keep changing it. */
  contested: boolean;
}

export interface Judgement {
  seen: Judged[];
  /** Found before, and not any more. */
  gone: { id: string; state: 'repaired' | 'resolved' }[];
  repair: Repairable[];
}

/** Repairs in a row after which somebody else is taken to want it otherwise. */
const MAX_REPAIRS = 3;
/** A repair that lasted this long was one. */
const LASTING_MS = 24 * 3_600_000;

/**
 * What becomes of what was found. A repair is tried a few times in a row and then no more: two that change the same thing back and
 * forth are for people to settle.
 * @param leftOut known findings that this look says nothing of
 */
export function judgeFindings(input: {
  found: readonly DriftFinding[];
  known: readonly KnownFinding[];
  policy: DriftPolicy;
  restraint: Restraint;
  leftOut: (known: KnownFinding) => boolean;
  now: Date;
}): Judgement {
  const { found, policy, restraint, now } = input;
  const known = new Map(input.known.map((finding) => [finding.key, finding]));
  const repair: Repairable[] = [];
  const seen = found.map((finding): Judged => {
    const before = known.get(finding.key);
    const fresh = before === undefined || before.state !== 'open';
    const lasted = before?.endedAt != null && now.getTime() - before.endedAt.getTime() > LASTING_MS;
    const repairs = before === undefined || lasted || before.state === 'resolved' ? 0 : before.repairs;
    const judged = { finding, repairs, fresh, contested: false, heldBack: null };
    const action = actionFor(policy, finding.kind);
    if (action !== 'repair') return { ...judged, state: action === 'ignore' ? 'ignored' : 'open' };
    if (isUnderWay(before)) return { ...judged, state: 'open' };
    const reason = !isRepairable(finding) ? noRepair(finding) : (restraint.all ?? restraint.of(finding));
    if (reason !== undefined) return { ...judged, state: 'open', heldBack: reason };
    if (repairs >= MAX_REPAIRS) {
      const contested = before?.heldBack?.startsWith(CONTESTED) !== true;
      return { ...judged, state: 'open', heldBack: contestedText(repairs), contested };
    }
    repair.push(finding as Repairable);
    return { ...judged, state: 'open' };
  });
  const foundKeys = new Set(found.map(({ key }) => key));
  const gone = input.known.flatMap((finding): Judgement['gone'] => {
    const over = finding.state === 'repaired' || finding.state === 'resolved';
    if (over || foundKeys.has(finding.key) || input.leftOut(finding)) return [];
    if (isUnderWay(finding)) return [];
    return [{ id: finding.id, state: finding.taskStatus === 'completed' ? 'repaired' : 'resolved' }];
  });
  return { seen, gone, repair };
}

function isUnderWay(finding: KnownFinding | undefined): boolean {
  return finding?.taskStatus != null && ['pending', 'running', 'canceling'].includes(finding.taskStatus);
}

function noRepair(finding: DriftFinding): string {
  return 'none' in finding.repair ? finding.repair.none : '';
}

const CONTESTED = 'somebody else keeps changing it';

function contestedText(repairs: number): string {
  return `${CONTESTED}, or it cannot be repaired: ${repairs} repairs in a row did not last; settle who manages it, then ask for a check with "resume": true`;
}
