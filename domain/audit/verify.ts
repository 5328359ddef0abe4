import type { ChainEntry, ChainHead, ChainLink } from './chain.ts';
import type { ChainCheckpoint, StoredCheckpoint } from './checkpoint.ts';
import type { AuditRowText } from './row.ts';

/** What is wrong, in the words of what was done to the log. */
export type FindingKind =
  /** A row, or its entry in the chain, is not what was sealed, or not in its place. */
  | 'changed'
  /** A row or entries are gone. */
  | 'removed'
  /** A row was added past the control plane, or claims a time at which it was not there. */
  | 'inserted'
  /** The end of the chain is gone. */
  | 'cut off'
  /** An entry is not the one that was anchored. */
  | 'rewritten';

export interface Finding {
  kind: FindingKind;
  /** One line that names the row. */
  message: string;
}

/** What a whole log comes to. */
export interface Verdict {
  /** Entries of the chain. */
  entries: number;
  head: ChainHead | undefined;
  /** The checkpoint that the chain is verified from; undefined: from its beginning. */
  since: StoredCheckpoint | undefined;
  /** The first ones; `found` counts all. */
  findings: Finding[];
  found: number;
  /** Keys that entries were made under, and that are not in the keyring. */
  unknownKeys: string[];
  /** Rows that wait to be sealed, and the time of the oldest. */
  waiting: { rows: number; oldest: string | undefined };
  /** Anchors that were compared with an entry. */
  anchorsMet: number;
}

/** A row that the chain does not have. */
export interface UnchainedRow {
  id: number;
  recordedAt: string;
  /** It waits to be sealed. */
  noted: boolean;
}

/** Takes a whole log in: all entries in the order of their numbers, then what is outside of the chain. */
export interface ChainCheck {
  entry(entry: ChainEntry): void;
  unchained(row: UnchainedRow): void;
  /** A row that waited to be sealed and is gone. */
  vanished(auditId: number): void;
  verdict(): Verdict;
}

export interface ChainCheckOptions {
  /** What stands for the MAC before the first entry. */
  beginning: string;
  /** Undefined where the key is not known. */
  macOf(previous: string, link: ChainLink): string | undefined;
  /** All checkpoints, in the order of their numbers; and what their MACs have to be. */
  checkpoints: readonly StoredCheckpoint[];
  checkpointMacOf(checkpoint: ChainCheckpoint): string | undefined;
  /** In the order of their numbers. */
  anchors: Iterator<{ seq: number; mac: string }>;
  /** The newest anchor, with its time. */
  newestAnchor: { seq: number; sealedAt: string } | undefined;
}

/** Findings that are told one by one. */
const MAX_FINDINGS = 100;
/**
 * How far the time of a row may lie before the look that did not see it, or after the one that sealed it: a transaction is as old as
 * its beginning, and clocks are set.
 */
export const TIME_TOLERANCE_MS = 10 * 60_000;
/** Entries that may have been taken out, and the rest renumbered, for it to be recognised as that. */
const MAX_SHIFT = 1_000;

/** Checks a chain in one pass and constant memory. */
export function createChainCheck(options: ChainCheckOptions): ChainCheck {
  const findings: Finding[] = [];
  let found = 0;
  let entries = 0;
  let head: ChainHead | undefined;
  let anchorsMet = 0;
  const unknownKeys = new Set<string>();
  const waiting: Verdict['waiting'] = { rows: 0, oldest: undefined };

  /** MAC of the entry before; undefined where that one is gone. */
  let previous: string | undefined;
  /** What to add to a number for the one that it had when it was sealed. */
  let shift = 0;
  /** A mismatch that the next entry may explain. */
  let suspect: { entry: ChainEntry; finding: Finding } | undefined;
  let explained = false;
  let anchor = options.anchors.next();

  function report(kind: FindingKind, message: string): void {
    found += 1;
    if (findings.length < MAX_FINDINGS) findings.push({ kind, message });
  }

  const checkpoints = checkCheckpoints(options, report, unknownKeys);
  const since = checkpoints.at(-1);
  /** MACs that the chain goes on from where entries were removed, by the number of the entry before. */
  const headsAt = new Map([[0, options.beginning], ...checkpoints.map(({ seq, head }) => [seq, head] as const)]);

  /** Number that the first entry has to have. Of what a checkpoint covers a part may still be there. */
  function firstNumber(first: number): number {
    return since === undefined ? 1 : Math.min(first, since.seq + 1);
  }

  function settleSuspect(): void {
    if (suspect !== undefined) report(suspect.finding.kind, suspect.finding.message);
    suspect = undefined;
  }

  function compareAnchors(entry: ChainEntry): void {
    for (; anchor.done !== true && anchor.value.seq <= entry.seq; anchor = options.anchors.next()) {
      const { seq, mac } = anchor.value;
      const kept = seq === entry.seq ? entry.mac : headsAt.get(seq);
      if (kept === undefined) continue;
      anchorsMet += 1;
      if (mac === kept) continue;
      const what = seq === entry.seq ? nameOf(entry) : `the checkpoint after entry ${seq}`;
      report('rewritten', `${what}: it is not the entry that was anchored under this number`);
    }
  }

  /** @returns true where the MAC is the right one */
  function macFits(entry: ChainEntry & { row: AuditRowText }, before: string): boolean {
    const mac = options.macOf(before, { ...entry, seq: entry.seq + shift });
    if (mac === undefined) {
      unknownKeys.add(entry.keyId);
      return false;
    }
    if (mac === entry.mac) {
      settleSuspect();
      explained = false;
      return true;
    }
    if (suspect !== undefined && !explained && isRenumbered(entry, before, suspect.entry)) return true;
    // One search for each run of mismatches: a chain that was made anew has nothing else.
    explained = suspect !== undefined;
    settleSuspect();
    const message = `${nameOf(entry)}: it, or its entry, is not what was sealed, or not in its place`;
    suspect = { entry, finding: { kind: 'changed', message } };
    return false;
  }

  /** Whether the entries after a gap were renumbered to hide it: the MAC of each still has the number that it was sealed under. */
  function isRenumbered(entry: ChainEntry & { row: AuditRowText }, before: string, firstMoved: ChainEntry): boolean {
    for (let by = 1; by <= MAX_SHIFT; by += 1) {
      for (const moved of [by, -by]) {
        if (options.macOf(before, { ...entry, seq: entry.seq + shift + moved }) !== entry.mac) continue;
        shift += moved;
        suspect = undefined;
        const what = by === 1 ? 'one entry' : `${by} entries`;
        if (moved > 0)
          report('removed', `${what} before ${nameOf(firstMoved)}: gone, and those after it were renumbered`);
        else report('inserted', `${what} before ${nameOf(firstMoved)}: added, and those after it were renumbered`);
        return true;
      }
    }
    return false;
  }

  return {
    entry(entry) {
      entries += 1;
      const expected = head === undefined ? firstNumber(entry.seq) : head.seq + 1;
      if (head === undefined) previous = headsAt.get(expected - 1);
      if (entry.seq !== expected) {
        settleSuspect();
        reportGap(report, { entry, expected, last: head?.seq });
        previous = undefined;
      }
      compareAnchors(entry);
      if (entry.row === null) {
        settleSuspect();
        report('removed', `${nameOf(entry)}: the row is gone, its entry in the chain is left`);
      } else if (previous !== undefined && macFits({ ...entry, row: entry.row }, previous)) {
        checkTimes(report, { ...entry, row: entry.row });
      }
      if (entry.seq === since?.seq && entry.mac !== since.head) {
        report('rewritten', `${nameOf(entry)}: it is not the entry that the checkpoint of ${since.madeAt} is about`);
      }
      previous = entry.mac;
      head = { seq: entry.seq, mac: entry.mac, keyId: entry.keyId, sealedAt: entry.sealedAt };
    },
    unchained({ id, recordedAt, noted }) {
      if (!noted) {
        report(
          'inserted',
          `row ${id} (recorded ${recordedAt}): the chain does not have it, and it does not wait to be sealed`,
        );
        return;
      }
      waiting.rows += 1;
      if (waiting.oldest === undefined || recordedAt < waiting.oldest) waiting.oldest = recordedAt;
    },
    vanished(auditId) {
      report('removed', `row ${auditId}: it is gone, and had not been sealed yet`);
    },
    verdict() {
      settleSuspect();
      const { newestAnchor } = options;
      if (newestAnchor !== undefined && newestAnchor.seq > (head?.seq ?? 0)) {
        const end = head === undefined ? 'the chain is empty' : `the chain ends with entry ${head.seq}`;
        report('cut off', `entry ${newestAnchor.seq} was anchored at ${newestAnchor.sealedAt}, and ${end}`);
      }
      // What is removed in order never takes the newest entry.
      if (since !== undefined && (head?.seq ?? 0) <= since.seq) {
        report(
          'cut off',
          `nothing is left after entry ${since.seq}, which the checkpoint of ${since.madeAt} ends with`,
        );
      }
      return { entries, head, since, findings, found, unknownKeys: [...unknownKeys].sort(), waiting, anchorsMet };
    },
  };
}

/** @returns those that count, in their order: one that was not made here is reported, and as good as none */
function checkCheckpoints(options: ChainCheckOptions, report: Report, unknownKeys: Set<string>): StoredCheckpoint[] {
  const good: StoredCheckpoint[] = [];
  let before = 0;
  for (const checkpoint of options.checkpoints) {
    const { seq, madeAt, removed } = checkpoint;
    const mac = options.checkpointMacOf(checkpoint);
    if (mac === undefined) unknownKeys.add(checkpoint.keyId);
    else if (mac !== checkpoint.mac) {
      report('changed', `the checkpoint after entry ${seq}, of ${madeAt}: it, or a part of it, was not made here`);
      continue;
    }
    if (removed !== seq - before) {
      report(
        'removed',
        `a checkpoint before that of ${madeAt}: it says that ${removed} entries went, from ${before + 1} to ${seq}`,
      );
    }
    before = seq;
    good.push(checkpoint);
  }
  return good;
}

function nameOf({ auditId, seq, row }: Pick<ChainEntry, 'auditId' | 'seq' | 'row'>): string {
  const what = row === null ? '' : `, ${row.kind} ${row.action} of ${row.resource}, recorded ${row.recorded_at}`;
  return `row ${auditId} (entry ${seq}${what})`;
}

type Report = (kind: FindingKind, message: string) => void;

function reportGap(report: Report, gap: { entry: ChainEntry; expected: number; last: number | undefined }): void {
  const { entry, expected, last } = gap;
  if (entry.seq < expected) {
    report('inserted', `${nameOf(entry)}: the chain begins with entry ${expected}`);
    return;
  }
  const which = entry.seq - expected === 1 ? `entry ${expected} is` : `entries ${expected} to ${entry.seq - 1} are`;
  const where = last === undefined ? 'before' : `between entry ${last} and`;
  report('removed', `${which} gone, ${where} ${nameOf(entry)}, which cannot be checked without the entry before it`);
}

function checkTimes(report: Report, entry: ChainEntry & { row: AuditRowText }): void {
  const recordedAt = Date.parse(entry.row.recorded_at);
  if (entry.absentAt !== null && recordedAt < Date.parse(entry.absentAt) - TIME_TOLERANCE_MS) {
    report('inserted', `${nameOf(entry)}: backdated, at ${entry.absentAt} it was not there`);
  }
  if (recordedAt > Date.parse(entry.sealedAt) + TIME_TOLERANCE_MS) {
    report('inserted', `${nameOf(entry)}: it claims a later time than that at which it was sealed, ${entry.sealedAt}`);
  }
}
