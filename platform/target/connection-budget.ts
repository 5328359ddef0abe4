/** An open connection that nobody uses. */
interface Closable {
  /** One that makes room for others after those that are not. */
  readonly lasting: boolean;
  /** Resolves when the server has let go of it. */
  close(): Promise<void>;
}

/**
 * The connections that one process may have open to one server, idle ones included. Work reserves what it needs in one piece,
 * first come, first served, so that two pieces of work never hold one connection each and wait for another; whoever has reserved
 * gets a place for each connection without waiting for other work, at most for an idle connection to close.
 */
export interface ConnectionBudget<Idle extends Closable> {
  readonly size: number;
  /** What is in use now. */
  usage(): BudgetUse;
  /** Waits for `count` connections. @returns how to give them back. @throws the signal's reason when aborted while waiting */
  reserve(count: number, signal?: AbortSignal): Promise<() => void>;
  /** A place for one of the reserved connections, from before it is opened until it is closed; idle ones make room. */
  enter(): Promise<void>;
  /** Gives back a place: its connection is closed. */
  leave(): void;
  /** Keeps an open connection, with its place. */
  keep(connection: Idle): void;
  /** The connection that was kept last among those that match, with its place. */
  take(matches: (connection: Idle) => boolean): Idle | undefined;
  /** Forgets a kept connection that is being closed or broke. */
  forget(connection: Idle): void;
  /** Closes kept connections. */
  closeIdle(matches: (connection: Idle) => boolean): Promise<void>;
}

/** How much of a budget is in use. */
export interface BudgetUse {
  /** Connections that work has reserved, whether it has opened them yet or not. */
  reserved: number;
  /** Open connections that nobody uses. */
  idle: number;
  /** Pieces of work that wait for connections. */
  waiting: number;
  /** Most connections at a time. */
  limit: number;
}

interface Waiter {
  count: number;
  start(): void;
}

/** @param size most connections at a time, above 0 */
export function createConnectionBudget<Idle extends Closable>(size: number): ConnectionBudget<Idle> {
  const waiting: Waiter[] = [];
  let free = size;
  let open = 0;
  let idle: Idle[] = [];
  let entering: (() => void)[] = [];

  function startWaiting(): void {
    for (let next = waiting[0]; next !== undefined && next.count <= free; next = waiting[0]) {
      waiting.shift();
      free -= next.count;
      next.start();
    }
  }

  function giveBack(count: number): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      free += count;
      startWaiting();
    };
  }

  const budget: ConnectionBudget<Idle> = {
    size,
    usage: () => ({ reserved: size - free, idle: idle.length, waiting: waiting.length, limit: size }),
    reserve(count, signal) {
      if (!(count >= 1 && count <= size))
        throw new RangeError(`${count} of at most ${size} connections were asked for`);
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const giveUp = () => {
          waiting.splice(waiting.indexOf(waiter), 1);
          reject(signal?.reason);
          // It may have been first in line, and asked for more than the next one does.
          startWaiting();
        };
        const waiter: Waiter = {
          count,
          start() {
            signal?.removeEventListener('abort', giveUp);
            resolve(giveBack(count));
          },
        };
        signal?.addEventListener('abort', giveUp, { once: true });
        waiting.push(waiter);
        startWaiting();
      });
    },
    async enter() {
      while (open >= size) {
        const oldest = idle.find(({ lasting }) => !lasting) ?? idle[0];
        // Without an idle one, one of them is just being closed: everything else that is open is reserved.
        if (oldest === undefined) await new Promise<void>((resolve) => entering.push(resolve));
        else await oldest.close();
      }
      open += 1;
    },
    leave() {
      open -= 1;
      const woken = entering;
      entering = [];
      for (const wake of woken) wake();
    },
    keep: (connection) => void idle.push(connection),
    take(matches) {
      const found = idle.findLast(matches);
      if (found !== undefined) budget.forget(found);
      return found;
    },
    forget(connection) {
      idle = idle.filter((other) => other !== connection);
    },
    async closeIdle(matches) {
      await Promise.all(idle.filter(matches).map((connection) => connection.close()));
    },
  };
  return budget;
}
