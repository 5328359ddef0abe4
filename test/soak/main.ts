/** `npm run soak`: a whole installation under load, whose processes are killed. docs/soak.md tells what it checks. */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import Docker from 'dockerode';
import type { RuntimeKind } from '../../domain/services.ts';
import { reportText } from './report.ts';
import { runSoak } from './run.ts';

const USAGE =
  'usage: npm run soak -- [--minutes 30] [--kill-every 60] [--concurrency 2] [--seed TEXT] [--runtime auto|docker|process] [--keep]';
const INTERRUPTED = 130;

const say = (text: string) => void process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

process.exit(await main());

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  say(`seed ${options.seed}`);
  try {
    const report = await runSoak({
      ...options,
      leastKills: 1,
      runtimes: await chooseRuntimes(options.runtime),
      signal: interrupted.signal,
      say,
    });
    process.stdout.write(`\n${reportText(report)}\n`);
    return report.violations.length === 0 ? 0 : 1;
  } catch (error) {
    if (interrupted.signal.aborted) return INTERRUPTED;
    throw error;
  }
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '30' },
        'kill-every': { type: 'string', default: '60' },
        concurrency: { type: 'string', default: '2' },
        seed: { type: 'string', default: randomBytes(4).toString('hex') },
        runtime: { type: 'string', default: 'auto' },
        keep: { type: 'boolean', default: false },
      },
    });
    const [minutes, killEverySeconds, concurrency] = [values.minutes, values['kill-every'], values.concurrency].map(
      Number,
    );
    if (![minutes, killEverySeconds, concurrency].every((one) => one !== undefined && one > 0)) return undefined;
    return {
      ...{ minutes: minutes ?? 0, killEverySeconds: killEverySeconds ?? 0, concurrency: Math.ceil(concurrency ?? 0) },
      ...{ seed: values.seed, runtime: values.runtime, keep: values.keep },
    };
  } catch {
    return undefined;
  }
}

/** One host of each kind, where an engine answers. */
async function chooseRuntimes(wanted: string): Promise<[RuntimeKind, RuntimeKind]> {
  if (wanted === 'docker' || wanted === 'process') return [wanted, wanted];
  const answers = await new Docker({ timeout: 5_000 }).ping().then(
    () => true,
    () => false,
  );
  return [answers ? 'docker' : 'process', 'process'];
}
