import type { ServiceLaunch } from '../../platform/runtime/service-runtime.ts';
import type { HostContext } from './context.ts';

/** Has a unit running, whether it is there, stopped, given up by its runtime, or gone altogether. */
export async function startUnit({ runtime }: HostContext, launch: ServiceLaunch): Promise<void> {
  const state = await runtime.inspect(launch.unit);
  await (state === undefined ? runtime.start(launch) : runtime.startAgain(launch.unit));
}
