import { v7 as uuidv7 } from 'uuid';
import type { checkHosts } from '../../workflows/hosts.ts';
import type { ApiDeps } from '../deps.ts';

/** Asks every host; undefined where nobody could. */
export type HostChecker = () => Promise<HostChecks | undefined>;
type HostChecks = Awaited<ReturnType<typeof checkHosts>>['hosts'];

/** A host that is down costs 3 s; the rest is for Temporal itself. */
const CHECK_DEADLINE_MS = 8_000;
/** Checks that arrive within this time share one answer. */
const FRESH_MS = 2_000;

/**
 * Asks the hosts themselves whether they are there. Concurrent and close requests share one run; the answer is undefined
 * where Temporal does not answer.
 */
export function createHostChecker(deps: Pick<ApiDeps, 'workflows' | 'taskQueue' | 'log'>): HostChecker {
  let latest: { at: number; answer: Promise<HostChecks | undefined> } | undefined;

  async function ask(): Promise<HostChecks | undefined> {
    try {
      const { hosts } = await deps.workflows.withDeadline(Date.now() + CHECK_DEADLINE_MS, () =>
        deps.workflows.execute<typeof checkHosts>('checkHosts', {
          workflowId: `check-hosts/${uuidv7()}`,
          taskQueue: deps.taskQueue,
          args: [{}],
          workflowExecutionTimeout: CHECK_DEADLINE_MS,
          staticSummary: 'which hosts are there?',
        }),
      );
      return hosts;
    } catch (error) {
      deps.log.warn({ err: error }, 'hosts could not be asked whether they are there');
      return undefined;
    }
  }

  return () => {
    const now = Date.now();
    if (latest === undefined || now - latest.at > FRESH_MS) latest = { at: now, answer: ask() };
    return latest.answer;
  };
}
