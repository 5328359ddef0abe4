import { TIME_TOLERANCE_MS, type Verdict } from './verify.ts';

/** What was verified, and against what. */
export interface Verification {
  verdict: Verdict;
  /** Lines of the anchor files, and those that are none. */
  anchors: { count: number; unreadable: number };
  /** Time of the metadata server. */
  at: string;
}

/** Exit codes of `audit verify`. */
export const EXIT_CODES = { intact: 0, notIntact: 1, cannotSay: 2 } as const;

/** Why it cannot be said that the log is intact; empty where it can. */
function doubtsOf({ verdict, at }: Verification): string[] {
  const { unknownKeys, entries, waiting } = verdict;
  const { oldest } = waiting;
  const late = oldest !== undefined && Date.parse(at) - Date.parse(oldest) > TIME_TOLERANCE_MS;
  return [
    ...unknownKeys.map((id) => `entries were made under key ${JSON.stringify(id)}, which is not in the keyring`),
    ...(entries === 0 && verdict.found === 0 ? ['nothing is sealed yet'] : []),
    ...(late ? [`${rows(waiting.rows)} not sealed, the oldest since ${oldest}: does a control worker run?`] : []),
  ];
}

const RESULTS = {
  [EXIT_CODES.intact]: 'intact',
  [EXIT_CODES.notIntact]: 'not_intact',
  [EXIT_CODES.cannotSay]: 'unknown',
} as const;

function codeOf({ found }: Verdict, doubts: readonly string[]): keyof typeof RESULTS {
  if (found > 0) return EXIT_CODES.notIntact;
  return doubts.length > 0 ? EXIT_CODES.cannotSay : EXIT_CODES.intact;
}

/** The code, and what is said, for programs. */
export function reportFacts(verification: Verification): { code: number; facts: object } {
  const { verdict, anchors } = verification;
  const { entries, head, findings, found, waiting, anchorsMet } = verdict;
  const doubts = doubtsOf(verification);
  const code = codeOf(verdict, doubts);
  return {
    code,
    facts: {
      result: RESULTS[code],
      entries,
      ...(head === undefined ? {} : { sealed_at: head.sealedAt }),
      waiting: waiting.rows,
      anchors: { count: anchors.count, compared: anchorsMet, unreadable: anchors.unreadable },
      found,
      findings: findings.map(({ kind, message }) => ({ kind, message })),
      doubts,
    },
  };
}

/** The code, and what is said, line by line. */
export function reportOf(verification: Verification): { code: number; lines: string[] } {
  const { verdict, anchors } = verification;
  const { entries, head, findings, found, waiting } = verdict;
  const doubts = doubtsOf(verification);
  const code = codeOf(verdict, doubts);
  const end = head === undefined ? '' : `, the last one sealed at ${head.sealedAt}`;
  return {
    code,
    lines: [
      `entries   ${entries}${end}`,
      ...beginningOf(verdict),
      `waiting   ${rows(waiting.rows)} not sealed yet`,
      `anchors   ${anchors.count}, ${verdict.anchorsMet} of them compared`,
      ...findings.map(({ kind, message }) => `${kind.padEnd(9)} ${message}`),
      ...(found > findings.length ? [`and ${found - findings.length} more findings`] : []),
      ...doubts.map((doubt) => `unknown   ${doubt}`),
      ...(anchors.unreadable === 0 ? [] : [`note      ${anchors.unreadable} lines of the anchor files are no anchors`]),
      ...(anchors.count > 0
        ? []
        : ['note      without anchors nobody can tell whether the end of the log was cut off']),
      VERDICTS[code] ?? '',
    ],
  };
}

/** From when on the log is verified, where its beginning was removed in order. */
function beginningOf({ since }: Verdict): string[] {
  if (since === undefined) return [];
  const { seq, auditId, madeAt } = since;
  return [
    `begins    with entry ${seq + 1}: retention removed ${seq === 1 ? 'one entry' : `${seq} entries`}, up to row ${auditId}; checkpoint of ${madeAt}`,
  ];
}

const VERDICTS: Readonly<Record<number, string>> = {
  [EXIT_CODES.intact]: 'The audit log is intact.',
  [EXIT_CODES.notIntact]: 'The audit log is NOT intact.',
  [EXIT_CODES.cannotSay]: 'Whether the audit log is intact cannot be said.',
};

function rows(count: number): string {
  return count === 1 ? '1 row' : `${count} rows`;
}
