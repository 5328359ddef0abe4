import { expect, test } from 'vitest';
import { createTurns } from '../../../platform/target/turns.ts';

/** Work that ends when it is told to. */
function manualWork(): { work: () => Promise<string>; begun: () => boolean; finish: () => void } {
  let begun = false;
  let finish: () => void = () => undefined;
  const end = new Promise<string>((resolve) => {
    finish = () => resolve('done');
  });
  return {
    work: () => {
      begun = true;
      return end;
    },
    begun: () => begun,
    finish: () => finish(),
  };
}

test('work waits for its turn, and is done in the order in which it came', async () => {
  const takeTurn = createTurns(1);
  const [first, second] = [manualWork(), manualWork()];
  const ends = [takeTurn(undefined, first.work), takeTurn(undefined, second.work)];
  await Promise.resolve();
  expect([first.begun(), second.begun()]).toEqual([true, false]);
  first.finish();
  await ends[0];
  second.finish();
  expect(await Promise.all(ends)).toEqual(['done', 'done']);
});

test('whoever is aborted while waiting gives up at once, and its work never begins', async () => {
  const takeTurn = createTurns(1);
  const [first, second] = [manualWork(), manualWork()];
  const abort = new AbortController();
  const running = takeTurn(undefined, first.work);
  const waiting = takeTurn(abort.signal, second.work);
  abort.abort(new Error('the task was cancelled'));
  await expect(waiting).rejects.toThrow('the task was cancelled');
  first.finish();
  await running;
  expect(await takeTurn(undefined, async () => 'next')).toBe('next');
  expect(second.begun()).toBe(false);
});

test('a signal that was aborted before is honoured too', async () => {
  const { work, begun } = manualWork();
  await expect(createTurns(1)(AbortSignal.abort(new Error('too late')), work)).rejects.toThrow('too late');
  expect(begun()).toBe(false);
});
