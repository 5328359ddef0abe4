import type pg from 'pg';
import type { MarkedLogin } from '../../../domain/leases/strays.ts';
import { leaseMarkerPrefix, parseLeaseMarker } from '../../../domain/marker.ts';
import { MARKED_LOGINS_SQL } from '../../../domain/sql/leases.ts';

/** Logins of leases of an installation, by what their comments say. */
export async function markedLogins(client: pg.ClientBase, installationId: string): Promise<MarkedLogin[]> {
  const { rows } = await client.query<{ name: string; oid: string; comment: string }>(MARKED_LOGINS_SQL, [
    leaseMarkerPrefix(installationId),
  ]);
  return rows.flatMap(({ name, oid, comment }) => {
    const leaseId = parseLeaseMarker(comment)?.leaseId;
    return leaseId === undefined ? [] : [{ name, oid: Number(oid), leaseId }];
  });
}
