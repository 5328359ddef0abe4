import { Failure } from '../domain/failures.ts';
import { createTargetServer, type TargetAddress } from '../platform/target/target-server.ts';
import { inTransaction } from '../store/connection.ts';
import { attachServer } from '../store/hosts.ts';
import { metadataSystemIdentifier } from '../store/installation.ts';
import { currentSecrets, insertSecrets } from '../store/secrets.ts';
import { upsertServer } from '../store/servers.ts';
import type { ControlPlane } from './control-plane.ts';
import { serverSecretOwner } from './load-target.ts';

interface ServerFacts {
  systemIdentifier: string;
  versionNum: number;
  maxConnections: number;
  reservedConnections: number;
}

/** A PostgreSQL server to administer, and the host whose server it is. */
export interface TargetRegistration {
  address: TargetAddress;
  hostId: string;
  labels?: Record<string, string>;
}

const OLDEST_VERSION = 130_000;

/**
 * Registers a PostgreSQL server, or what changed about it, after logging in to it; and names it as a host's server.
 * @throws NotAllowed for the metadata server itself (R3), ServerUnavailable when the login does not succeed
 */
export async function registerServer(control: ControlPlane, input: TargetRegistration): Promise<void> {
  const { address } = input;
  const facts = await inspect(address);
  if (facts.systemIdentifier === (await metadataSystemIdentifier(control.db))) {
    throw new Failure(
      'NotAllowed',
      `server ${address.name} is the metadata server of this installation: a target must be another server, because whoever administers a target could read all metadata`,
    );
  }
  const secretId = `server/${address.name}/admin`;
  await inTransaction(control.db, async (tx) => {
    const owner = serverSecretOwner(address.name);
    const current = (await currentSecrets(tx, [secretId])).get(secretId);
    const known =
      current === undefined
        ? undefined
        : control.sealer.open(
            { secretId, owner, version: current.version },
            { keyId: current.keyId, bytes: current.sealed },
          );
    if (known !== address.adminPassword) {
      const version = (current?.version ?? 0) + 1;
      const { keyId, bytes } = control.sealer.seal({ secretId, owner, version }, address.adminPassword);
      await insertSecrets(tx, [{ id: secretId, owner, version, keyId, sealed: bytes }]);
    }
    await upsertServer(tx, {
      name: address.name,
      endpoints: address.endpoints,
      maintenanceDb: address.maintenanceDb,
      tls: address.tls,
      adminUser: address.adminUser,
      adminSecretId: secretId,
      labels: input.labels ?? {},
      ...facts,
    });
    await attachServer(tx, { hostId: input.hostId, serverName: address.name });
  });
}

async function inspect(address: TargetAddress): Promise<ServerFacts> {
  const server = createTargetServer(address);
  try {
    const facts = await server.onMaintenance(
      { applicationName: 'pgsteward:register', doing: `registering server ${address.name}` },
      async (client) => {
        const { rows } = await client.query<ServerFacts>(
          `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS "systemIdentifier",
                  current_setting('server_version_num')::int AS "versionNum",
                  current_setting('max_connections')::int AS "maxConnections",
                  current_setting('superuser_reserved_connections')::int
                    + coalesce(current_setting('reserved_connections', true)::int, 0) AS "reservedConnections"`,
        );
        return rows[0];
      },
    );
    if (facts === undefined || facts.versionNum < OLDEST_VERSION) {
      throw new Failure(
        'NotAllowed',
        `server ${address.name} is older than PostgreSQL 13, the oldest version supported`,
      );
    }
    return facts;
  } finally {
    await server.close();
  }
}
