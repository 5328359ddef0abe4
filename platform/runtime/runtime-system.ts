/**
 * Environment of a PostgREST process: nothing but the thread count of GHC's run-time system, which does not look at
 * CPU limits by itself. Never a secret: environments can be read by inspection (R14).
 */
export function runtimeSystemEnvironment(limits: { cpus?: number }): Record<string, string> {
  return limits.cpus === undefined ? {} : { GHCRTS: `-N${Math.max(1, Math.ceil(limits.cpus))}` };
}
