import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { testRuntimes } from '../support/stack.ts';
import { reportText } from './report.ts';
import { runSoak } from './run.ts';

/** Everything is started, loaded, killed, brought to rest and checked within this on a slow machine. */
const BOUND_MS = 15 * 60_000;
/** Each of another kind: the deck has all kinds first. */
const LEAST_KILLS = 6;

test(
  'an installation whose processes are killed every few seconds keeps every promise that it gave to its clients',
  async ({ signal }) => {
    const [runtime = 'process'] = testRuntimes();
    const lines: string[] = [];
    const report = await runSoak({
      seed: process.env.SOAK_SEED ?? randomBytes(4).toString('hex'),
      minutes: 0.8,
      concurrency: 1,
      killEverySeconds: 6,
      leastKills: LEAST_KILLS,
      runtimes: [runtime, 'process'],
      signal,
      keep: false,
      say: (text) => void lines.push(text),
    });
    process.stdout.write(`${[...lines, '', reportText(report)].join('\n')}\n`);
    expect(report.violations).toEqual([]);
    expect(report.kills.size).toBeGreaterThanOrEqual(LEAST_KILLS);
  },
  BOUND_MS,
);
