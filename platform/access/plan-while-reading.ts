import type { ObservedDatabase, ObservedServer } from '../../domain/access/observed.ts';
import type { Planning, PlanResult } from '../../domain/access/planner/planning.ts';

/** A plan that is worked out while the databases of a server are read: the processor has nothing else to do meanwhile. */
export interface PlanWhileReading {
  /** What is to be done in a database that was read; see `observeDatabases`. */
  onRead(database: ObservedDatabase): void;
  /** When everything was read. @throws what kept the planning from beginning */
  finish(observed: ObservedServer): Promise<PlanResult>;
}

/** @param beginning databases that are read before it wait for it */
export function planWhileReading(beginning: Promise<Planning>): PlanWhileReading {
  const added: Promise<void>[] = [];
  // Where nothing could be read, that is the reason.
  beginning.catch(() => undefined);
  return {
    onRead(database) {
      const adding = beginning.then((planning) => planning.add(database));
      // Heard of in the end.
      adding.catch(() => undefined);
      added.push(adding);
    },
    async finish(observed) {
      const planning = await beginning;
      await Promise.all(added);
      return planning.finish(observed);
    },
  };
}
