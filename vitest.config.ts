import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The native part of Temporal's SDK does not survive worker threads.
    pool: 'forks',
    maxWorkers: 2,
    globalSetup: ['test/support/global-setup.ts'],
    // Bounds for hangs, far above what a slow machine needs; no test is decided by time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A test that only passes when it is run again is a defect all the same; the report marks it.
    retry: Number(process.env.VITEST_RETRY ?? 0),
  },
});
