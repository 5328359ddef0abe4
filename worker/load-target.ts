import type pg from 'pg';
import { Failure } from '../domain/failures.ts';
import type { Sealer } from '../platform/secrets/seal.ts';
import type { TargetAddress } from '../platform/target/target-server.ts';
import { findServerWithSecret, serverSecretOwner } from '../store/servers.ts';

/** A registered server with its admin credentials; `revision` changes with either. */
export async function loadTarget(
  from: { db: pg.Pool; sealer: Sealer },
  name: string,
): Promise<{ address: TargetAddress; revision: string }> {
  const found = await findServerWithSecret(from.db, name);
  if (found === undefined) throw new Failure('ServerUnavailable', `server ${name} is not registered`);
  const { server, secret } = found;
  if (secret === undefined) throw new Failure('ServerUnavailable', `server ${name} has no admin credentials`);
  const identity = { secretId: secret.id, owner: serverSecretOwner(name), version: secret.version };
  const { endpoints, maintenanceDb, tls, adminUser, systemIdentifier, createdAt } = server;
  const adminPassword = from.sealer.open(identity, { keyId: secret.keyId, bytes: secret.sealed });
  return {
    address: { name, endpoints, maintenanceDb, tls, adminUser, adminPassword, systemIdentifier },
    // A server that is registered anew counts the versions of its password from 1 again.
    revision: JSON.stringify([
      endpoints,
      maintenanceDb,
      tls,
      adminUser,
      systemIdentifier,
      secret.version,
      createdAt.getTime(),
    ]),
  };
}
