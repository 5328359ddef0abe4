/** Logins of leases that record and server do not agree about. */
import type pg from 'pg';
import { type DriftFinding, findingKey } from '../../../domain/drift/finding.ts';
import { type MarkedLogin, strayLeases } from '../../../domain/leases/strays.ts';
import { markedLogins } from '../../../platform/target/catalog/marked-logins.ts';
import type { Queryable } from '../../../store/connection.ts';
import { endAgain } from '../../../store/ending-leases.ts';
import { liveLeasesOf } from '../../../store/leases.ts';
import type { ControlDeps } from '../deps.ts';

/** What a look has found of leases. */
export interface SeenLeases {
  findings: DriftFinding[];
  /** Logins of leases that are not on record as live. */
  orphans: readonly MarkedLogin[];
}

export async function seeLeases(deps: ControlDeps, client: pg.ClientBase, serverName: string): Promise<SeenLeases> {
  const before = await liveLeasesOf(deps.db, serverName);
  const logins = await markedLogins(client, deps.installationId);
  const after = await liveLeasesOf(deps.db, serverName);
  const { orphans, ghosts } = strayLeases({ before, after }, logins);
  const source = 'credential';
  return {
    orphans,
    findings: [
      ...orphans.map(
        ({ name, leaseId }): DriftFinding => ({
          ...{ key: findingKey('lease_orphan', name, leaseId), kind: 'lease_orphan', source, role: name },
          object: `lease ${leaseId}`,
          expected: 'no login: no such lease is live',
          found: 'a login that says that it is of the lease',
          repair: { none: 'a login of a lease that is not on record is left alone' },
        }),
      ),
      ...ghosts.map(
        ({ id, roleName, endsAt }): DriftFinding => ({
          ...{ key: findingKey('lease_ghost', roleName, id), kind: 'lease_ghost', source, role: roleName },
          object: `lease ${id}`,
          expected: `the login of a lease until ${endsAt.toISOString()}`,
          found: 'no such login',
          repair: { none: 'the lease is closed when it ends' },
        }),
      ),
    ],
  };
}

/**
 * Has orphans end whose lease is on record as over, as after a backup of the server was restored: whoever keeps the time of leases
 * ends them with the usual proof. One that metadata does not know may be of a newer metadata database (R11) and is left alone.
 */
export async function sweepOrphans(tx: Queryable, serverName: string, { orphans }: SeenLeases): Promise<string[]> {
  return endAgain(tx, { serverName, logins: orphans.map(({ leaseId, oid }) => ({ leaseId, oid })) });
}
