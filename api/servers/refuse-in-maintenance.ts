import { findMaintenance, maintenanceText } from '../../store/maintenance.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';

/**
 * Asked before anything is accepted that does not go on while somebody works on a server.
 * @param of what is not done, such as `no leases are given`
 * @throws ApiError 409 with who, since when, until when, and how to end it
 */
export async function refuseInMaintenance(
  { db }: Pick<ApiDeps, 'db'>,
  of: { serverName: string; what: string },
): Promise<void> {
  const maintenance = await findMaintenance(db, of.serverName);
  if (maintenance === undefined) return;
  throw new ApiError('server_in_maintenance', maintenanceText(of.serverName, maintenance, of.what));
}
