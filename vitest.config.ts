import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Set by scripts/record-histories.ts. */
const recording = process.env.RECORD_HISTORIES === '1';

/** Set by scripts/test.mjs, where its images cannot be made. */
const withoutComposition = process.env.PGSTEWARD_TEST_COMPOSE === '0';

/** These take minutes, most of them waiting: begun last, they would keep everybody else waiting. */
const LONG = ['test/soak/', 'test/docs/pages', 'test/faults/updates', 'test/failover/kills'];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => LONG.some((part) => moduleId.includes(part));
    return (await super.sort(files)).toSorted((a, b) => Number(isLong(b)) - Number(isLong(a)));
  }
}

export default defineConfig({
  test: {
    // The native part of Temporal's SDK does not survive worker threads.
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    // Bounds for hangs, far above what a slow machine needs; no test is decided by time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A test that only passes when it is run again is a defect all the same; the report marks it.
    retry: Number(process.env.VITEST_RETRY ?? 0),
    projects: [
      // Pure code: files share a process, so that each module is loaded once.
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false } },
      {
        extends: true,
        test: {
          name: 'parts',
          include: recording ? ['test/replay/record.ts'] : ['test/**/*.test.ts'],
          exclude: ['test/unit/**', ...(withoutComposition ? ['test/compose/**'] : [])],
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
    ],
  },
});
