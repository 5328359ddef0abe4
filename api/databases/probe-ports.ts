import { v7 as uuidv7 } from 'uuid';
import type { probeHostPorts } from '../../workflows/hosts.ts';
import type { ApiDeps } from '../deps.ts';

/** The hosts' answer adds to the caller's wait; without it the workflow finds out. */
const PROBE_DEADLINE_MS = 4_500;

/**
 * Asks hosts which of these ports, and of the ports after them, are in use.
 * @returns busy ports by host; hosts that gave no answer in time are missing
 */
export async function probePorts(
  deps: Pick<ApiDeps, 'workflows' | 'taskQueue' | 'eagerStart' | 'log'>,
  wanted: readonly { hostId: string; ports: readonly number[] }[],
): Promise<Map<string, Set<number>>> {
  const hosts = wanted.map(({ hostId, ports }) => ({ hostId, ports: ports.flatMap((port) => [port, port + 1]) }));
  try {
    const answer = await deps.workflows.withDeadline(Date.now() + PROBE_DEADLINE_MS, () =>
      deps.workflows.execute<typeof probeHostPorts>('probeHostPorts', {
        workflowId: `probe-ports/${uuidv7()}`,
        taskQueue: deps.taskQueue,
        args: [{ hosts }],
        workflowExecutionTimeout: PROBE_DEADLINE_MS,
        requestEagerStart: deps.eagerStart,
        staticSummary: `which of these ports are free on ${hosts.map(({ hostId }) => hostId).join(', ')}?`,
      }),
    );
    return new Map(answer.hosts.map(({ hostId, busy }) => [hostId, new Set(busy)]));
  } catch (error) {
    deps.log.warn({ err: error }, 'hosts could not be asked for free ports before accepting; the workflow will');
    return new Map();
  }
}
