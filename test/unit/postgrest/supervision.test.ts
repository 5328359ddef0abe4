import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLogSequence } from '../../../platform/runtime/log-sequence.ts';
import { createRestartBudget } from '../../../platform/runtime/restart-budget.ts';
import { shareNext } from '../../../worker/gateway/shared-reload.ts';

describe('restart budget', () => {
  test('five restarts a minute with growing pauses, then none until the window has moved on', () => {
    const budget = createRestartBudget({ max: 5, windowMs: 60_000, firstDelayMs: 100 });
    expect([0, 1, 2, 3, 4].map((now) => budget.take(now))).toEqual([100, 200, 400, 800, 1600]);
    expect(budget.take(59_999)).toBeUndefined();
    expect(budget.take(60_004)).toBe(100);
  });
});

describe('log sequence', () => {
  test('the texts count only in their order and in lines of their own, however the log is cut', () => {
    const text = 'x\nloaded\nbegun\nmore\nloaded\n';
    fc.assert(
      fc.property(fc.array(fc.nat({ max: text.length - 1 })), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length - 1];
        const sequence = createLogSequence({ texts: ['begun', 'loaded'] });
        for (const [index, from] of at.slice(0, -1).entries())
          expect(sequence.push(text.slice(from, at[index + 1]))).toBe(false);
        expect(sequence.push('\n')).toBe(true);
      }),
    );
  });
});

describe('shared runs', () => {
  test('callers during a run share the next one, and never two run at once', async () => {
    const runs: PromiseWithResolvers[] = [];
    let active = 0;
    const ask = shareNext(async () => {
      active += 1;
      expect(active).toBe(1);
      const run = withResolvers();
      runs.push(run);
      await run.promise.finally(() => {
        active -= 1;
      });
    });
    const first = ask();
    const [second, third] = [ask(), ask()];
    expect(runs).toHaveLength(1);
    runs[0]?.resolve();
    await first;
    await expect.poll(() => runs.length).toBe(2);
    runs[1]?.reject(new Error('reload failed'));
    await expect(second).rejects.toThrow('reload failed');
    await expect(third).rejects.toThrow('reload failed');
    const fourth = ask();
    expect(runs).toHaveLength(3);
    runs[2]?.resolve();
    await fourth;
  });
});

interface PromiseWithResolvers {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
