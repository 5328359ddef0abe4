/** CPU time of this process, all its threads, since an earlier `process.cpuUsage()`, in milliseconds. */
export function cpuMsSince(earlier: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(earlier);
  return (user + system) / 1_000;
}
