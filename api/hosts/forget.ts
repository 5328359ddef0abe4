import { inTransaction } from '../../store/connection.ts';
import { deleteHost, findHostUse, type HostUse, lockHost } from '../../store/hosts.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import type { HostChecker } from './check.ts';
import { checkOf } from './list.ts';

/**
 * Forgets a host that nothing is on. @param input.force also where its worker has not left and does not answer, and with removals that
 *   wait for it, which are never made then
 * @throws ApiError 404; 409 naming what is there, or because its worker has not ended
 */
export async function forgetHost(
  deps: Pick<ApiDeps, 'db'> & { ask: HostChecker },
  caller: Caller,
  input: { hostId: string; force: boolean },
): Promise<void> {
  const { hostId, force } = input;
  const checks = await deps.ask();
  await inTransaction(deps.db, async (tx) => {
    const host = await lockHost(tx, hostId);
    if (host === undefined) throw new ApiError('not_found', 'no host found with the given ID');
    // A worker that has not left in order may be slow, or on the other side of a broken network.
    if (host.workerId !== null && (checkOf(checks, host)?.facts !== undefined || !force)) {
      const where = 'or, where the machine is gone for good, repeat with force=true';
      throw new ApiError('host_in_use', `the worker of host ${hostId} has not ended: stop it first, ${where}`);
    }
    const use = await findHostUse(tx, hostId);
    const [reason] = reasonsToKeep(use, force);
    if (reason !== undefined) throw new ApiError('host_in_use', `host ${hostId} cannot be deleted: ${reason}`);
    await deleteHost(tx, hostId);
    await auditChange(tx, caller, {
      action: 'host.delete',
      resource: `host/${hostId}`,
      detail: { before: { server: host.serverName, removals: use.removals } },
    });
  });
}

function reasonsToKeep({ databases, removals, switchovers }: HostUse, force: boolean): string[] {
  return [
    ...(databases.length > 0 ? [`it is named by ${databases.join(', ')}; delete or change those databases first`] : []),
    ...(removals > 0 && !force
      ? [
          `${removals} removals of services wait for it; start its worker once, or repeat with force=true to forget them`,
        ]
      : []),
    ...(switchovers > 0
      ? [`${switchovers} recorded switchovers are about it; retention removes their tasks in time`]
      : []),
  ];
}
