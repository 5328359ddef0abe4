import { expect, test } from 'vitest';
import { createCrowdPatience } from '../../domain/crowd-patience.ts';

/** Rounds in which `came` of 10 callers come back: of each one whether it was waited for. */
function rounds(patience: ReturnType<typeof createCrowdPatience>, count: number, came: number): string {
  return Array.from({ length: count }, () => {
    const bound = patience.boundFor(10);
    if (bound !== undefined) patience.learn(came, 10);
    return bound === undefined ? '-' : 'w';
  }).join('');
}

test('a crowd that comes back is waited for after every round', () => {
  expect(rounds(createCrowdPatience(), 6, 5)).toBe('wwwwww');
});

test('one that does not is waited for more and more seldom, and at least after every ninth round', () => {
  expect(rounds(createCrowdPatience(), 40, 4)).toBe('w-w--w----w--------w--------w--------w--');
});

test('as soon as it comes back it is waited for after every round again', () => {
  const patience = createCrowdPatience();
  rounds(patience, 11, 0);
  expect(rounds(patience, 12, 10)).toBe('--------wwww');
  expect(rounds(patience, 3, 0)).toBe('w-w');
});

test('the wait grows with the number of those who are waited for, within a bound; a few are no crowd', () => {
  const { boundFor } = createCrowdPatience();
  expect([1, 3, 4, 20, 100, 1_000].map(boundFor)).toEqual([undefined, undefined, 17, 65, 150, 150]);
});
