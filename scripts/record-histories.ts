/**
 * Records the histories that test/replay replays: `node --import tsx scripts/record-histories.ts`. Only for a way through
 * the workflows that no history shows yet, or when old runs need not be continued by the new code: a history that no
 * longer replays is otherwise a defect of the change, not of the history.
 */
import { startVitest } from 'vitest/node';

process.env.RECORD_HISTORIES = '1';
const vitest = await startVitest('test', [], { run: true, watch: false, project: ['parts'] });
const failed = vitest.state.getCountOfFailedTests() > 0 || vitest.state.getUnhandledErrors().length > 0;
await vitest.close();
process.exit(failed ? 1 : 0);
