// Runs Vitest for `npm test` and counts what it reports.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ROOT } from './bootstrap.mjs';

/** Where more files than these fail, it is no accident of a busy machine, and all of it would be run twice. */
const MOST_FILES_AGAIN = 20;

/** Stands for all files where Vitest ended without a report. */
const NO_REPORT = '';

/**
 * Runs the tests; files that failed are run `again` times more, whole: a hook of a file is not repeated by Vitest, and what it
 * prepares is lost with it. A file that passes then counts as passed, and is named.
 *
 * @param {object} of
 * @param {(title: string, args: string[], env: Record<string, string>) => Promise<boolean>} of.run runs Vitest, and resolves with
 *   whether it succeeded
 * @param {string[]} of.args further arguments, such as files
 * @param {number} of.again
 * @param {boolean} of.skipFails whether a skipped test counts as failed
 * @returns {Promise<{ passed: number, failed: number }>}
 */
export async function runVitest({ run, args, again, skipFails }) {
  const directory = await mkdtemp(join(tmpdir(), 'pgsteward-test-'));
  try {
    const { files, elsewhere } = await reported('tests', args);
    let failing = failedOf(files);
    let outside = elsewhere;
    const options = args.filter((argument) => !existsSync(join(ROOT, argument)));
    const worthwhile = failing.length <= MOST_FILES_AGAIN && !failing.includes(NO_REPORT);
    for (let time = 1; time <= again && worthwhile && failing.length > 0; time += 1) {
      const rerun = await reported(`tests that failed, run ${time + 1}`, [...options, ...failing]);
      outside += rerun.elsewhere;
      for (const file of failing) if (rerun.files.has(file)) files.set(file, rerun.files.get(file));
      const before = failing;
      failing = failedOf(files);
      for (const file of before) if (!failing.includes(file)) console.log(`passed when it was run again: ${file}`);
    }
    return count([...files.values()].flat(), outside);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }

  async function reported(title, vitestArguments) {
    const outputFile = join(directory, `${title}.json`);
    const errorsFile = join(directory, `${title}.errors`);
    const own = join(ROOT, 'scripts/vitest-errors.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`, `--reporter=${own}`];
    const succeeded = await run(title, [...reporters, ...vitestArguments], { VITEST_ERRORS_FILE: errorsFile });
    const files = await statusesByFile(outputFile);
    const errors = Number(await readFile(errorsFile, 'utf8').catch(() => '0'));
    // Errors outside of tests fail a run, whatever becomes of the files that failed beside them.
    const elsewhere = errors > 0 || (!succeeded && failedOf(files).length === 0) ? 1 : 0;
    return { files, elsewhere };
  }

  function count(statuses, elsewhere) {
    const of = (wanted) => statuses.filter((status) => status === wanted).length;
    const [passed, failed] = [of('passed'), of('failed') + elsewhere];
    const skipped = statuses.length - passed - of('failed');
    if (skipped > 0) console.log(`${skipped} skipped`);
    return { passed, failed: failed + (skipFails ? skipped : 0) };
  }
}

const failedOf = (files) => [...files].filter(([, statuses]) => statuses.includes('failed')).map(([file]) => file);

/** Statuses of the tests of each file in Vitest's JSON report. A file that could not be loaded, or whose hook failed, has a failure more. */
async function statusesByFile(outputFile) {
  const report = await readFile(outputFile, 'utf8').then(JSON.parse, () => undefined);
  if (report === undefined) return new Map([[NO_REPORT, ['failed']]]);
  return new Map(
    report.testResults.map(({ name, status, assertionResults }) => {
      const own = assertionResults.map((result) => result.status);
      return [relative(ROOT, name), status === 'failed' && !own.includes('failed') ? [...own, 'failed'] : own];
    }),
  );
}
