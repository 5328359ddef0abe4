import type { z } from '@hono/zod-openapi';
import { leaseMarkerPrefix, parseLeaseMarker } from '../../domain/marker.ts';
import { MARKED_LOGINS_SQL } from '../../domain/sql/leases.ts';
import { liveLeasesOf } from '../../store/leases.ts';
import type { Caller } from '../caller.ts';
import type { leaseFindingsSchema } from '../schemas/lease.ts';
import { requireServer } from '../servers/require-server.ts';
import { timestamp } from '../time.ts';
import type { LeaseDeps } from './deps.ts';

/**
 * Compares leases on record with logins on a server. Changes nothing: what is not on record may be of a metadata database that is
 * newer than this one (R11).
 */
export async function leaseFindings(
  deps: LeaseDeps,
  caller: Caller,
  serverName: string,
): Promise<z.infer<typeof leaseFindingsSchema>> {
  await requireServer(deps, serverName);
  const server = await deps.targets.get(serverName);
  const session = {
    applicationName: `pgsteward:${caller.requestId}`,
    doing: `looking for logins of leases on server ${serverName}`,
  };
  // Records first: a lease that is given in between is no ghost, and one that ends is no orphan.
  const before = await liveLeasesOf(deps.db, serverName);
  const { rows } = await server.onMaintenance(session, (client) =>
    client.query<{ name: string; oid: string; comment: string }>(MARKED_LOGINS_SQL, [
      leaseMarkerPrefix(deps.installationId),
    ]),
  );
  const after = await liveLeasesOf(deps.db, serverName);
  const known = new Set([...before, ...after].map(({ id }) => id));
  const there = new Set(rows.flatMap(({ comment }) => parseLeaseMarker(comment)?.leaseId ?? []));
  const still = new Set(after.map(({ id }) => id));
  return {
    orphans: rows.flatMap(({ name, oid, comment }) => {
      const leaseId = parseLeaseMarker(comment)?.leaseId;
      return leaseId === undefined || known.has(leaseId)
        ? []
        : [{ username: name, oid: Number(oid), lease_id: leaseId }];
    }),
    ghosts: before.flatMap(({ id, roleName, roleOid, endsAt }) =>
      roleOid === null || there.has(id) || !still.has(id)
        ? []
        : [{ lease_id: id, username: roleName, ends_at: timestamp(endsAt) }],
    ),
  };
}
