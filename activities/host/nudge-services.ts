import type { HostContext } from './context.ts';

/** See {@link HostActivities.nudgeServices}. */
export async function nudgeServices(
  context: HostContext,
  input: { instanceIds: readonly string[] },
): Promise<{ nudged: string[] }> {
  const recorded = new Set((await context.records.list()).map(({ instanceId }) => instanceId));
  const here = input.instanceIds.filter((instanceId) => recorded.has(instanceId));
  await Promise.all(
    here.map((instanceId) =>
      context.inTurn(instanceId, async () => {
        const state = await context.runtime.inspect(instanceId);
        if (state?.running === true) await context.runtime.signal(instanceId, 'SIGUSR1');
      }),
    ),
  );
  return { nudged: here };
}
