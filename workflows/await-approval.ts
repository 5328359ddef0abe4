import { allHandlersFinished, condition, defineUpdate, setHandler } from '@temporalio/workflow';
import type { ApprovalLook } from '../activities/control/types.ts';
import { LOOK_AGAIN } from '../domain/task-workflows.ts';
import { createProgress } from './progress.ts';
import { locally } from './proxies.ts';

/** Says that something was decided, and not what: that is read from the metadata database. */
export const lookAgain = defineUpdate<{ told: number }, [{ taskId: string }]>(LOOK_AGAIN);

/** A run that was told this often goes on as a new one, so that its history stays short. */
const MOST_TOLD = 500;

/** How a wait ended; `again`: the run is to go on as a new one. */
export type Awaited = Exclude<ApprovalLook, { state: 'waiting' }> | { state: 'again' };

/**
 * Waits until enough people have approved a task, or its time is over: days or weeks, in one timer that Temporal keeps. Called first
 * of all in a workflow, before anything is awaited, so that no update comes too early. Whoever may write to Temporal can make it look,
 * and nothing more (R13).
 */
export async function awaitApproval({ taskId }: { taskId: string }): Promise<Awaited> {
  let told = 0;
  let waiting = true;
  setHandler(
    lookAgain,
    () => {
      told += 1;
      return { told };
    },
    {
      validator: (input) => {
        if (input?.taskId !== taskId) throw new Error(`this run is that of task ${taskId}`);
        if (!waiting) throw new Error('this run does not wait for approval any more');
      },
    },
  );
  const progress = createProgress('change that needs approval');
  for (;;) {
    const seen = told;
    const look = await locally('how was it decided?').lookAtApproval({ taskId });
    if (look.state !== 'waiting') {
      waiting = false;
      await condition(allHandlersFinished);
      return look;
    }
    if (told >= MOST_TOLD) {
      waiting = false;
      await condition(allHandlersFinished);
      return { state: 'again' };
    }
    progress.headline(`change on ${look.subject}: waits for approval until ${new Date(look.untilMs).toISOString()}`);
    await condition(() => told > seen, Math.max(1, look.untilMs - Date.now()));
  }
}
