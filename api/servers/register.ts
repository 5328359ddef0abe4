import { Failure } from '../../domain/failures.ts';
import type { ServerFacts, ServerProbe } from '../../domain/servers/probe.ts';
import { endpointLabel, type TargetAddress } from '../../platform/target/address.ts';
import { probeServer } from '../../platform/target/probe.ts';
import type { Queryable } from '../../store/connection.ts';
import { metadataSystemIdentifier } from '../../store/installation.ts';
import { currentSecrets, insertSecrets } from '../../store/secrets.ts';
import { adminSecretId, type ServerRegistration, type ServerSettings, serverSecretOwner } from '../../store/servers.ts';
import type { ApiDeps } from '../deps.ts';

/** A server that answered, and may be registered. */
export interface InspectedServer {
  address: TargetAddress;
  facts: ServerFacts;
}

const OLDEST_VERSION = 130_000;

/**
 * Logs in to a server that is to be registered, or registered otherwise, and looks whether it may be.
 * @throws Failure NotAllowed for the metadata server itself (R3), UnsupportedVersion, InvalidSpec for endpoints of different
 *   clusters, SqlRefused for a refused login, ServerUnavailable or TwoPrimaries saying what each endpoint answered
 */
export async function inspectServer(
  deps: Pick<ApiDeps, 'db' | 'targets'>,
  address: TargetAddress,
): Promise<InspectedServer> {
  const metadata = await metadataSystemIdentifier(deps.db);
  const server = deps.targets.candidate(address);
  try {
    const { probe, failure } = await probeServer(server, {
      applicationName: 'pgsteward:register',
      doing: `registering server ${address.name}`,
    });
    // The rule comes first: it holds for a metadata server that cannot be used otherwise, too.
    if (probe.endpoints.some(({ systemIdentifier }) => systemIdentifier === metadata)) throw isMetadata(address.name);
    assertOneCluster(address.name, probe);
    const { facts } = probe;
    if (facts === null) throw failure ?? new Failure('ServerUnavailable', probe.problem ?? 'no answer');
    if (facts.versionNum < OLDEST_VERSION) {
      throw new Failure(
        'UnsupportedVersion',
        `server ${address.name} is older than PostgreSQL 13, the oldest version supported`,
      );
    }
    return { address, facts };
  } finally {
    await server.close();
  }
}

function isMetadata(name: string): Failure {
  return new Failure(
    'NotAllowed',
    `server ${name} is the metadata server of this installation: a target must be another server, because whoever administers a target could read all metadata`,
  );
}

/** Two clusters under one name would be changed in turns, whichever takes writes. */
function assertOneCluster(name: string, { endpoints }: ServerProbe): void {
  const known = endpoints.filter(({ systemIdentifier }) => systemIdentifier !== null);
  if (new Set(known.map(({ systemIdentifier }) => systemIdentifier)).size <= 1) return;
  const list = known.map((endpoint) => `${endpointLabel(endpoint)} has ${endpoint.systemIdentifier}`);
  throw new Failure(
    'InvalidSpec',
    `endpoints: these of server ${name} are different clusters, by their system identifiers: ${list.join(', ')}`,
  );
}

/** What is stored of a server that has been inspected. */
export function registrationOf(
  { address, facts }: InspectedServer,
  given: { labels: Record<string, string>; settings: ServerSettings },
): ServerRegistration {
  const { name, endpoints, maintenanceDb, tls, adminUser } = address;
  return {
    name,
    endpoints,
    maintenanceDb,
    tls,
    adminUser,
    adminSecretId: adminSecretId(name),
    systemIdentifier: facts.systemIdentifier,
    versionNum: facts.versionNum,
    maxConnections: facts.limits.maxConnections,
    reservedConnections: facts.limits.reserved,
    ...given,
  };
}

/** The parts of a registration that the audit log shows before and after a change: no secrets, and of TLS the mode alone. */
export function auditable(server: ServerRegistration): object {
  const { endpoints, maintenanceDb, tls, adminUser, labels, settings, systemIdentifier } = server;
  return { endpoints, maintenanceDb, tls: tls.mode, adminUser, labels, settings, systemIdentifier };
}

/** The password of a server's admin role, where one is stored. */
export async function findAdminPassword(
  db: Queryable,
  sealer: ApiDeps['sealer'],
  name: string,
): Promise<string | undefined> {
  return (await openAdminPassword(db, sealer, name))?.password;
}

async function openAdminPassword(db: Queryable, sealer: ApiDeps['sealer'], name: string) {
  const id = adminSecretId(name);
  const current = (await currentSecrets(db, [id])).get(id);
  if (current === undefined) return undefined;
  const { version, keyId, sealed: bytes } = current;
  return {
    version,
    password: sealer.open({ secretId: id, owner: serverSecretOwner(name), version }, { keyId, bytes }),
  };
}

/** Seals a password under the next version, unless it is the current one. @returns whether it changed */
export async function storeAdminPassword(
  tx: Queryable,
  sealer: ApiDeps['sealer'],
  { name, adminPassword }: Pick<TargetAddress, 'name' | 'adminPassword'>,
): Promise<boolean> {
  const current = await openAdminPassword(tx, sealer, name);
  if (current?.password === adminPassword) return false;
  const [id, owner, version] = [adminSecretId(name), serverSecretOwner(name), (current?.version ?? 0) + 1];
  const { keyId, bytes } = sealer.seal({ secretId: id, owner, version }, adminPassword);
  await insertSecrets(tx, [{ id, owner, version, keyId, sealed: bytes }]);
  return true;
}
