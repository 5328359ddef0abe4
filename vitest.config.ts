import { defineConfig } from 'vitest/config';

/** Set by scripts/record-histories.ts. */
const recording = process.env.RECORD_HISTORIES === '1';

/** Set by scripts/test.mjs, where its images cannot be made. */
const withoutComposition = process.env.PGSTEWARD_TEST_COMPOSE === '0';

export default defineConfig({
  test: {
    // The native part of Temporal's SDK does not survive worker threads.
    pool: 'forks',
    maxWorkers: 2,
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
