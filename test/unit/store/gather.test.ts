import { expect, test, vi } from 'vitest';
import { createGatherer } from '../../../store/gather.ts';

/** A read of which each one ends when it is told to. */
function manual() {
  const reads: { keys: readonly string[]; end(): void; fail(error: Error): void }[] = [];
  const gatherer = createGatherer<string, string>((keys) => {
    const answers = new Map(keys.map((key) => [key, `${key} as of read ${reads.length + 1}`]));
    return new Promise((resolve, reject) => reads.push({ keys, end: () => resolve(answers), fail: reject }));
  });
  return { reads, ask: gatherer.ask, isIdle: gatherer.isIdle };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('one question is read at once', async () => {
  const { reads, ask, isIdle } = manual();
  const answer = ask('a');
  expect(reads.map(({ keys }) => keys)).toEqual([['a']]);
  reads[0]?.end();
  expect(await answer).toBe('a as of read 1');
  expect(isIdle()).toBe(true);
});

test('what is asked while a read is under way is answered by one read that begins after it', async () => {
  const { reads, ask } = manual();
  const first = ask('a');
  const others = ['a', 'b', 'b'].map(ask);
  await settle();
  expect(reads).toHaveLength(1);
  reads[0]?.end();
  await settle();
  expect(reads.map(({ keys }) => keys)).toEqual([['a'], ['a', 'b']]);
  reads[1]?.end();
  expect(await Promise.all([first, ...others])).toEqual([
    'a as of read 1',
    'a as of read 2',
    'b as of read 2',
    'b as of read 2',
  ]);
});

test('a read that fails is the failure of those who asked, and nobody else', async () => {
  const { reads, ask, isIdle } = manual();
  const first = ask('a');
  const second = ask('b');
  reads[0]?.fail(new Error('the connection broke'));
  await expect(first).rejects.toThrow('the connection broke');
  await settle();
  reads[1]?.end();
  expect(await second).toBe('b as of read 2');
  expect(isIdle()).toBe(true);
});

test('a read that does not end holds up nobody who asks a second later, nor those who ask meanwhile', async () => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(0);
  try {
    const { reads, ask } = manual();
    void ask('a');
    void ask('b');
    now.mockReturnValue(1_001);
    const beside = ask('c');
    const behind = ask('d');
    expect(reads.map(({ keys }) => keys)).toEqual([['a'], ['c']]);
    reads[1]?.end();
    await settle();
    reads[2]?.end();
    expect(await Promise.all([beside, behind])).toEqual(['c as of read 2', 'd as of read 3']);
  } finally {
    now.mockRestore();
  }
});

test('a question without an answer gets none', async () => {
  const gatherer = createGatherer<string, string>(async () => new Map());
  expect(await gatherer.ask('a')).toBeUndefined();
});
