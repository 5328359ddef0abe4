import { isDeepStrictEqual } from 'node:util';
import { auditChange } from '../api/audit-change.ts';
import { auditable, inspectServer, registrationOf, storeAdminPassword } from '../api/servers/register.ts';
import { Failure } from '../domain/failures.ts';
import type { TargetAddress } from '../platform/target/target-server.ts';
import { inTransaction } from '../store/connection.ts';
import { attachServer } from '../store/hosts.ts';
import { insertServer, lockServer, recordProbe, type ServerRegistration, updateServer } from '../store/servers.ts';
import type { ControlPlane } from './control-plane.ts';
import { START_UP } from './start-up-actor.ts';

/** A PostgreSQL server to administer, and the host whose server it is. */
export interface TargetRegistration {
  address: TargetAddress;
  hostId: string;
  /** Of a server that is not registered yet. */
  labels?: Record<string, string>;
}

/**
 * Registers a PostgreSQL server, or what changed about it, after logging in to it; and names it as a host's server. Labels and
 * settings stay as an administrator has set them.
 * @throws Failure NotAllowed for the metadata server itself (R3), ServerUnavailable when the login does not succeed
 */
export async function registerServer(control: ControlPlane, input: TargetRegistration): Promise<void> {
  const inspected = await inspectServer(control, input.address);
  const { name } = input.address;
  await inTransaction(control.db, async (tx) => {
    const known = await lockServer(tx, name);
    const { labels = input.labels ?? {}, settings = { allowPlainTextPasswords: false } } = known ?? {};
    const registration = registrationOf(inspected, { labels, settings });
    const saved = known === undefined ? await insertServer(tx, registration) : await updateServer(tx, registration);
    if (saved === undefined) {
      throw new Failure('NameConflict', `the cluster of server ${name} is registered under another name`);
    }
    const newPassword = await storeAdminPassword(tx, control.sealer, inspected.address);
    await recordProbe(tx, { name, facts: inspected.facts });
    await attachServer(tx, { hostId: input.hostId, serverName: name });
    if (known !== undefined && !newPassword && isDeepStrictEqual(whereIs(known), whereIs(saved))) return;
    await auditChange(tx, START_UP, {
      action: known === undefined ? 'server.register' : 'server.change',
      resource: `server/${name}`,
      detail: {
        ...(known === undefined ? {} : { before: auditable(known) }),
        after: auditable(saved),
        hostId: input.hostId,
        newPassword,
      },
    });
  });
}

const whereIs = ({ endpoints, maintenanceDb, tls, adminUser, systemIdentifier }: ServerRegistration) => ({
  endpoints,
  maintenanceDb,
  tls,
  adminUser,
  systemIdentifier,
});
