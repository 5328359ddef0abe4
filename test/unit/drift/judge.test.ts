import { describe, expect, test } from 'vitest';
import type { DriftFinding } from '../../../domain/drift/finding.ts';
import { judgeHistory } from '../../../domain/drift/history.ts';
import { judgeFindings, type KnownFinding } from '../../../domain/drift/judge.ts';
import { DEFAULT_POLICY, type DriftPolicy } from '../../../domain/drift/policy.ts';

const NOW = new Date('2026-05-01T00:00:00Z');
const REPAIR: DriftPolicy = { ...DEFAULT_POLICY, default: 'repair' };

const FOUND: DriftFinding = {
  key: 'login ann',
  kind: 'login',
  source: 'credential',
  role: 'ann',
  expected: 'login true',
  found: 'login false',
  repair: { role: { name: 'ann', login: true } },
};

const known = (more: Partial<KnownFinding> = {}): KnownFinding => ({
  id: '1',
  key: 'login ann',
  kind: 'login',
  state: 'open',
  role: 'ann',
  repairs: 0,
  heldBack: null,
  taskId: null,
  taskStatus: null,
  endedAt: null,
  ...more,
});

function judge(more: Partial<Parameters<typeof judgeFindings>[0]> = {}) {
  const restraint = { all: undefined, of: () => undefined };
  return judgeFindings({
    found: [FOUND],
    known: [],
    policy: REPAIR,
    restraint,
    leftOut: () => false,
    now: NOW,
    ...more,
  });
}

describe('what was found', () => {
  test('is repaired, reported or ignored as the policy says', () => {
    expect(judge()).toMatchObject({ seen: [{ state: 'open', fresh: true }], repair: [FOUND] });
    expect(judge({ policy: DEFAULT_POLICY })).toMatchObject({ seen: [{ state: 'open', heldBack: null }], repair: [] });
    const policy: DriftPolicy = { ...REPAIR, kinds: { login: 'ignore' } };
    expect(judge({ policy })).toMatchObject({ seen: [{ state: 'ignored' }], repair: [] });
  });

  test('is not repaired again while its repair is under way', () => {
    expect(judge({ known: [known({ taskStatus: 'running', repairs: 1 })] }).repair).toEqual([]);
  });

  test('is left to people after three repairs that did not last, and that is told once', () => {
    expect(judge({ known: [known({ repairs: 2 })] }).repair).toHaveLength(1);
    const [first] = judge({ known: [known({ repairs: 3 })] }).seen;
    expect(first).toMatchObject({ contested: true, heldBack: expect.stringContaining('somebody else') });
    const again = judge({ known: [known({ repairs: 3, heldBack: first?.heldBack ?? '' })] });
    expect(again).toMatchObject({ seen: [{ contested: false }], repair: [] });
  });

  test('counts as new when an earlier repair has lasted for a day, or it went by itself', () => {
    const repaired = known({ state: 'repaired', repairs: 3, endedAt: new Date(NOW.getTime() - 25 * 3_600_000) });
    expect(judge({ known: [repaired] })).toMatchObject({ seen: [{ repairs: 0, fresh: true }], repair: [FOUND] });
    expect(judge({ known: [known({ state: 'resolved', repairs: 3 })] }).repair).toEqual([FOUND]);
    const lately = known({ state: 'repaired', repairs: 3, endedAt: new Date(NOW.getTime() - 3_600_000) });
    expect(judge({ known: [lately] }).repair).toEqual([]);
  });

  test('is held back with the reason', () => {
    const restraint = { all: 'in maintenance', of: () => 'changed on purpose' };
    expect(judge({ restraint })).toMatchObject({ seen: [{ heldBack: 'in maintenance' }], repair: [] });
    expect(judge({ restraint: { ...restraint, all: undefined } }).seen[0]?.heldBack).toBe('changed on purpose');
    const found = [{ ...FOUND, repair: { none: 'nobody knows how' } }];
    expect(judge({ found }).seen[0]?.heldBack).toBe('nobody knows how');
  });
});

describe('what is not found any more', () => {
  const gone = (finding: KnownFinding, leftOut = false) =>
    judge({ found: [], known: [finding], leftOut: () => leftOut }).gone;

  test('was repaired, or went by itself', () => {
    expect(gone(known({ taskStatus: 'completed' }))).toEqual([{ id: '1', state: 'repaired' }]);
    expect(gone(known({ taskStatus: 'failed' }))).toEqual([{ id: '1', state: 'resolved' }]);
    expect(gone(known({ state: 'ignored' }))).toEqual([{ id: '1', state: 'resolved' }]);
  });

  test('stays where this look says nothing of it, where its repair is under way, and where it was over', () => {
    expect(gone(known(), true)).toEqual([]);
    expect(gone(known({ taskStatus: 'pending' }))).toEqual([]);
    expect(gone(known({ state: 'repaired' }))).toEqual([]);
  });
});

describe('the history of a server', () => {
  test.each([
    ['goes forward', { timeline: 1, position: 20 }, true, 'same'],
    ['is where it was', { timeline: 1, position: 10 }, true, 'same'],
    ['went back', { timeline: 1, position: 9 }, true, 'went_back'],
    ['goes on after a promotion', { timeline: 2, position: 20 }, true, 'promoted'],
    ['goes on behind where it was', { timeline: 2, position: 9 }, true, 'went_back'],
    ['goes on in another timeline without a standby', { timeline: 2, position: 20 }, false, 'went_back'],
    ['is not told', null, true, 'same'],
  ] as const)('%s', (_, now, several, verdict) => {
    expect(judgeHistory({ timeline: 1, position: 10 }, now, several)).toBe(verdict);
  });
});
