import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConnectionBudget, createConnectionBudget } from '../../../platform/target/connection-budget.ts';

/** Lets everything that is ready to go on do so. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A kept connection; closing it gives its place back, when `finishClosing` says so. */
function keptConnection(
  budget: ConnectionBudget<Kept>,
  { closeAtOnce = true, lasting = true }: { closeAtOnce?: boolean; lasting?: boolean } = {},
): Kept {
  let finish: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const kept: Kept = {
    lasting,
    closing: false,
    finishClosing: finish,
    async close() {
      if (!kept.closing) {
        kept.closing = true;
        budget.forget(kept);
        if (closeAtOnce) finish();
        void closed.then(() => budget.leave());
      }
      await closed;
    },
  };
  return kept;
}

interface Kept {
  lasting: boolean;
  closing: boolean;
  finishClosing(): void;
  close(): Promise<void>;
}

/** Whether a reservation has begun. */
function reservation(budget: ConnectionBudget<Kept>, count: number, signal?: AbortSignal) {
  const state: { begun: boolean; giveBack: () => void } = { begun: false, giveBack: () => undefined };
  void budget.reserve(count, signal).then((giveBack) => {
    state.begun = true;
    state.giveBack = giveBack;
  });
  return state;
}

describe('connections of a server', () => {
  test('are reserved all together or not at all, in the order in which work came', async () => {
    const budget = createConnectionBudget<Kept>(4);
    const first = reservation(budget, 3);
    const both = reservation(budget, 2);
    const single = reservation(budget, 1);
    await settle();
    // One is free, but the second wants two, and the third does not overtake it.
    expect([first.begun, both.begun, single.begun]).toEqual([true, false, false]);
    first.giveBack();
    await settle();
    expect([both.begun, single.begun]).toEqual([true, true]);
  });

  test('are not waited for by work that was aborted, and those behind it go on', async () => {
    const budget = createConnectionBudget<Kept>(4);
    const running = reservation(budget, 3);
    const abort = new AbortController();
    const waiting = budget.reserve(4, abort.signal);
    const behind = reservation(budget, 1);
    await settle();
    expect(behind.begun).toBe(false);
    abort.abort(new Error('the task was cancelled'));
    await expect(waiting).rejects.toThrow('the task was cancelled');
    await settle();
    expect(behind.begun).toBe(true);
    running.giveBack();
    behind.giveBack();
    await expect(budget.reserve(4)).resolves.toBeTypeOf('function');
  });

  test('are refused to work that was aborted before', async () => {
    const budget = createConnectionBudget<Kept>(4);
    await expect(budget.reserve(1, AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    await expect(budget.reserve(4)).resolves.toBeTypeOf('function');
  });

  test('given back twice count once', async () => {
    const budget = createConnectionBudget<Kept>(4);
    const first = await budget.reserve(2);
    first();
    first();
    await budget.reserve(4);
    const another = reservation(budget, 1);
    await settle();
    expect(another.begun).toBe(false);
  });

  test('more than there are is an error at once, not a wait for ever', () => {
    const budget = createConnectionBudget<Kept>(4);
    expect(() => budget.reserve(5)).toThrow(RangeError);
    expect(() => budget.reserve(0)).toThrow(RangeError);
  });

  test('a kept connection makes room for a new one, which waits until it is closed', async () => {
    const budget = createConnectionBudget<Kept>(1);
    const kept = keptConnection(budget, { closeAtOnce: false });
    await budget.enter();
    budget.keep(kept);
    let entered = false;
    const entering = budget.enter().then(() => {
      entered = true;
    });
    await settle();
    expect([kept.closing, entered]).toEqual([true, false]);
    kept.finishClosing();
    await entering;
    expect(budget.take(() => true)).toBeUndefined();
  });

  test('one that is worth keeping makes room after those that are not, however old', async () => {
    const budget = createConnectionBudget<Kept>(2);
    const lasting = keptConnection(budget);
    const passing = keptConnection(budget, { lasting: false });
    for (const kept of [lasting, passing]) {
      await budget.enter();
      budget.keep(kept);
    }
    await budget.enter();
    expect([lasting.closing, passing.closing]).toEqual([false, true]);
    await budget.enter();
    expect(lasting.closing).toBe(true);
  });

  test('a place that an idle connection leaves by itself is given to whoever waits for it', async () => {
    const budget = createConnectionBudget<Kept>(1);
    const kept = keptConnection(budget, { closeAtOnce: false });
    await budget.enter();
    budget.keep(kept);
    const closing = kept.close();
    const entering = budget.enter();
    kept.finishClosing();
    await Promise.all([closing, entering]);
  });

  test('never exceed their number and never stand still, whatever is reserved, kept and aborted', async () => {
    const piece = fc.record({ count: fc.integer({ min: 1, max: 4 }), keeps: fc.boolean(), abort: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        const budget = createConnectionBudget<Kept>(4);
        let open = 0;
        let most = 0;
        await Promise.all(
          pieces.map(async ({ count, keeps, abort }) => {
            const controller = new AbortController();
            const reserving = budget.reserve(count, controller.signal);
            if (abort) controller.abort(new Error('cancelled'));
            const giveBack = await reserving.catch(() => undefined);
            if (giveBack === undefined) return;
            const mine: Kept[] = [];
            for (let index = 0; index < count; index += 1) {
              let kept = budget.take(() => true);
              if (kept === undefined) {
                await budget.enter();
                open += 1;
                most = Math.max(most, open);
                const made = keptConnection(budget);
                const close = made.close;
                let counted = false;
                made.close = async () => {
                  await close();
                  if (!counted) open -= 1;
                  counted = true;
                };
                kept = made;
              }
              mine.push(kept);
              await settle();
            }
            for (const kept of mine) {
              if (keeps) budget.keep(kept);
              else await kept.close();
            }
            giveBack();
          }),
        );
        expect(most).toBeLessThanOrEqual(4);
      }),
      { numRuns: 60 },
    );
  });
});
