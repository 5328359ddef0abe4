import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { Failure } from '../../../../domain/failures.ts';
import { label } from '../../../../domain/replication/endpoints.ts';
import { askReplication } from '../../../../platform/target/replication.ts';
import { announceSteps } from '../../../../store/journal.ts';
import type { ControlDeps } from '../../deps.ts';
import { performStep, type StepContext } from '../../step.ts';
import type { TaskRef } from '../../types.ts';
import { loadParties, type Party, sealOrders } from './orders.ts';

/** Nobody can write meanwhile: rather than wait longer, the primary is started again. */
const REPLAY_WITHIN_MS = 30_000;
/** Of a server that has just been started; there is no hurry, writes go on. */
const FOLLOWS_WITHIN_MS = 60_000;
const ASK_TIMEOUT_MS = 2_000;
const PAUSE_MS = { first: 10, longest: 250 };

/** See {@link ControlActivities.awaitReplay}. */
export function awaitReplay(deps: ControlDeps, input: TaskRef & { position: number }): Promise<void> {
  const { taskId, epoch } = input;
  return performStep(deps, { taskId, epoch, step: 'awaitReplay' }, async (step) => {
    const parties = await loadParties(deps, taskId);
    const { candidate } = parties;
    const replayed = await poll(deps, step, candidate, REPLAY_WITHIN_MS, async (client) => {
      const { rows } = await client.query<{ position: number }>(
        `SELECT coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::float8 AS position`,
      );
      // The end of the last record that was replayed: it lies behind the beginning of the shutdown record.
      return (rows[0]?.position ?? 0) > input.position;
    });
    if (!replayed) {
      throw new Failure(
        'VerificationFailed',
        `${label(candidate.endpoint)} did not get all that the primary had written`,
      );
    }
    // From here on the promotion may have been begun, whatever becomes of the run.
    const { candidate: part } = await sealOrders(deps, parties);
    const steps = [{ step: 'promoteStandby', target: part.instanceId }];
    if (!(await announceSteps(deps.db, { taskId, epoch, steps }))) {
      throw new Failure('StaleTask', `task ${taskId} was superseded`);
    }
  });
}

/** See {@link ControlActivities.awaitStandby}. */
export function awaitStandby(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'awaitStandby' }, async (step) => {
    const { primary: former, candidate } = await loadParties(deps, input.taskId);
    const follows = await poll(deps, step, former, FOLLOWS_WITHIN_MS, async (client) => {
      const position = await askReplication(client, ASK_TIMEOUT_MS);
      return position?.receiving === true;
    });
    if (follows) return;
    const [from, to] = [former, candidate].map(({ endpoint }) => label(endpoint));
    throw new Failure(
      'VerificationFailed',
      `${to} is the primary now, but ${from} does not follow it: see its log and pg_hba.conf on ${to}; where WAL is missing, build it anew`,
    );
  });
}

/** Asks one server until it says yes. @returns whether it did within the bound */
async function poll(
  deps: ControlDeps,
  { work, session }: StepContext,
  { endpoint }: Party,
  boundMs: number,
  ask: (client: pg.ClientBase) => Promise<boolean>,
): Promise<boolean> {
  const server = await deps.targets.get(work.nodes[0]?.serverName ?? '');
  const until = performance.now() + boundMs;
  for (let pauseMs = PAUSE_MS.first; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS.longest)) {
    const settings = session(`asking ${label(endpoint)}`);
    const yes = await server.onEndpoint(endpoint, settings, ask).catch((error: unknown) => {
      settings.signal?.throwIfAborted();
      if (error instanceof Failure && error.retryable) return false;
      throw error;
    });
    if (yes) return true;
    if (performance.now() > until) return false;
    await delay(pauseMs, undefined, settings.signal === undefined ? {} : { signal: settings.signal });
  }
}
