/** How often a service that ends by itself is started again. */
export interface RestartBudget {
  /** Milliseconds to wait before the next restart, or undefined when too many have happened. Counts it. */
  take(nowMs: number): number | undefined;
}

/** At most `max` restarts within `windowMs`; the wait doubles with each one that lies in the window. */
export function createRestartBudget(limits: { max: number; windowMs: number; firstDelayMs: number }): RestartBudget {
  let taken: number[] = [];
  return {
    take(nowMs) {
      taken = taken.filter((at) => nowMs - at < limits.windowMs);
      if (taken.length >= limits.max) return undefined;
      const delayMs = limits.firstDelayMs * 2 ** taken.length;
      taken.push(nowMs);
      return delayMs;
    },
  };
}
