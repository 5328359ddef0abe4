import { describe, expect, test } from 'vitest';
import { judgeGroup, type WritableEndpoint } from '../../../domain/replication/judge.ts';

const at = (port: number, timeline: number): WritableEndpoint => ({
  endpoint: { address: '10.0.0.1', port },
  timeline,
});

describe('a replication group', () => {
  test('without a primary, or with the one that was seen, needs nothing', () => {
    expect(judgeGroup('s', at(1, 1), [])).toEqual({ kind: 'steady' });
    expect(judgeGroup('s', at(1, 1), [at(1, 1)])).toEqual({ kind: 'steady' });
  });

  test('that is seen for the first time, or whose timeline rose in its place, is noted and nobody is told', () => {
    expect(judgeGroup('s', undefined, [at(1, 1)])).toEqual({ kind: 'noted', primary: at(1, 1) });
    expect(judgeGroup('s', at(1, 1), [at(1, 2)])).toEqual({ kind: 'noted', primary: at(1, 2) });
  });

  test('whose primary is elsewhere was promoted, and the former one is named', () => {
    const former = at(1, 1).endpoint;
    expect(judgeGroup('s', at(1, 1), [at(2, 2)])).toEqual({ kind: 'promoted', primary: at(2, 2), former });
  });

  test('with two primaries fences the older one only where the newer one was seen alone before', () => {
    const fenced = (seen: WritableEndpoint | undefined, writable: WritableEndpoint[]) => {
      const verdict = judgeGroup('s', seen, writable);
      return verdict.kind === 'problem' ? verdict.fence : verdict.kind;
    };
    expect(fenced(at(2, 2), [at(1, 1), at(2, 2)])).toEqual([at(1, 1)]);
    expect(fenced(at(2, 3), [at(1, 1), at(2, 3), at(3, 2)])).toEqual([at(3, 2), at(1, 1)]);
    // A standby that was promoted while its primary goes on: writes of value may be on either.
    expect(fenced(at(1, 1), [at(1, 1), at(2, 2)])).toEqual([]);
    expect(fenced(undefined, [at(1, 1), at(2, 2)])).toEqual([]);
    // Of the same timeline: nobody can say which one is the former.
    expect(fenced(at(2, 2), [at(1, 2), at(2, 2)])).toEqual([]);
  });

  test('with two primaries says where both are', () => {
    expect(judgeGroup('s', at(1, 1), [at(1, 1), at(2, 2)])).toMatchObject({
      problem:
        'server s has several primaries, 10.0.0.1:2 (timeline 2) and 10.0.0.1:1 (timeline 1): nothing is changed until one is left',
    });
  });

  test('whose only primary is older than the one that was seen is a problem, and is not fenced', () => {
    expect(judgeGroup('s', at(2, 2), [at(1, 1)])).toEqual({
      kind: 'problem',
      problem: expect.stringMatching(/takes changes on timeline 1, but timeline 2 was in use/),
      fence: [],
    });
  });
});
