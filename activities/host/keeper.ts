import { setInterval as every } from 'node:timers/promises';
import type { HostContext } from './context.ts';
import { lookAtHealth } from './health.ts';
import { settleInstance } from './settle.ts';

/** Soon enough after a restart of the engine; one look costs a few milliseconds per instance. */
const DEFAULT_INTERVAL_MS = 3_000;
/** An instance that had to be started n times is left alone for 0, 1, 3, 7, … rounds, and never for more than this. */
const LONGEST_PAUSE_ROUNDS = 100;
/** Rounds without trouble after which former trouble is forgotten. */
const CALM_ROUNDS = 20;

/** Keeps recorded instances running while the worker lives. */
export interface ServiceKeeper {
  /** Ends the current rounds and begins no other. */
  stop(): Promise<void>;
}

interface Trouble {
  starts: number;
  pauseRounds: number;
  calmRounds: number;
}

/**
 * Looks at every recorded instance at an interval, starts those that should run and do not, and notes how they do. One that
 * somebody works on is in good hands. How they do is looked at apart: nothing that takes long may hold it up.
 */
export function createServiceKeeper(
  context: HostContext,
  { intervalMs = DEFAULT_INTERVAL_MS }: { intervalMs?: number } = {},
): ServiceKeeper {
  const stopping = new AbortController();
  const troubles = new Map<string, Trouble>();

  async function look(instanceId: string): Promise<void> {
    if (context.isBusy(instanceId)) return;
    const trouble = troubles.get(instanceId) ?? { starts: 0, pauseRounds: 0, calmRounds: 0 };
    if (trouble.pauseRounds > 0) {
      troubles.set(instanceId, { ...trouble, pauseRounds: trouble.pauseRounds - 1 });
      return;
    }
    const calm = await settleInstance(context, instanceId).then(
      (settlement) => settlement !== 'started' && settlement !== 'restored',
      (error: unknown) => {
        context.log.error({ err: error, instanceId }, 'a service could not be kept running');
        return false;
      },
    );
    const next = calm ? afterCalm(trouble) : afterStart(trouble);
    if (next === undefined) troubles.delete(instanceId);
    else troubles.set(instanceId, next);
  }

  async function lookAtAll(): Promise<void> {
    for (const instanceId of await context.records.ids()) {
      if (!stopping.signal.aborted) await look(instanceId);
    }
  }

  async function repeat(round: () => Promise<void>): Promise<void> {
    for await (const _ of every(intervalMs, undefined, { signal: stopping.signal, ref: false })) {
      await round().catch((error: unknown) => context.log.error({ err: error }, 'services could not be looked after'));
    }
  }

  const rounds = [lookAtAll, () => lookAtHealth(context)].map((round) =>
    repeat(round).catch((error: unknown) => {
      if (!stopping.signal.aborted) context.log.error({ err: error }, 'nobody looks after services any more');
    }),
  );
  return {
    async stop() {
      stopping.abort();
      await Promise.all(rounds);
    },
  };
}

function afterStart({ starts }: Trouble): Trouble {
  return { starts: starts + 1, pauseRounds: Math.min(2 ** starts - 1, LONGEST_PAUSE_ROUNDS), calmRounds: 0 };
}

/** One that never needed a start, or not for long, has no trouble to remember. */
function afterCalm(trouble: Trouble): Trouble | undefined {
  const calmRounds = trouble.calmRounds + 1;
  return trouble.starts === 0 || calmRounds >= CALM_ROUNDS ? undefined : { ...trouble, calmRounds };
}
