import { Failure } from '../../domain/failures.ts';
import type { ServerFacts, ServerProbe } from '../../domain/servers/probe.ts';
import { sealStored } from '../../platform/secrets/seal-stored.ts';
import { endpointLabel, type TargetAddress } from '../../platform/target/address.ts';
import { type ProbeOutcome, probeServer } from '../../platform/target/probe.ts';
import type { Queryable } from '../../store/connection.ts';
import { attachWaitingHosts } from '../../store/hosts.ts';
import { metadataSystemIdentifier } from '../../store/installation.ts';
import { currentSecrets, insertSecrets } from '../../store/secrets.ts';
import {
  adminSecretId,
  insertServer,
  recordProbe,
  type ServerRecord,
  type ServerRegistration,
  type ServerSettings,
  serverSecretOwner,
} from '../../store/servers.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
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
  return { address, facts: factsOf(address.name, await probeCandidate(deps, address)) };
}

/**
 * Asks a server that is not registered, or not yet, what it is.
 * @throws Failure NotAllowed for the metadata server itself (R3), InvalidSpec for endpoints of different clusters; what `signal` was
 *   aborted with
 */
export async function probeCandidate(
  deps: Pick<ApiDeps, 'db' | 'targets'>,
  address: TargetAddress,
  signal?: AbortSignal,
): Promise<ProbeOutcome> {
  const metadata = await metadataSystemIdentifier(deps.db);
  const server = deps.targets.candidate(address);
  try {
    const outcome = await probeServer(server, {
      applicationName: 'pgsteward:register',
      doing: `registering server ${address.name}`,
      ...(signal === undefined ? {} : { signal }),
    });
    const { endpoints } = outcome.probe;
    // The rule comes first: it holds for a metadata server that cannot be used otherwise, too.
    if (endpoints.some(({ systemIdentifier }) => systemIdentifier === metadata)) throw isMetadata(address.name);
    assertOneCluster(address.name, outcome.probe);
    return outcome;
  } finally {
    await server.close();
  }
}

/** What a probe found. @throws Failure UnsupportedVersion, or the reason why it found nothing */
export function factsOf(name: string, { probe, failure }: ProbeOutcome): ServerFacts {
  const { facts } = probe;
  if (facts === null) throw failure ?? new Failure('ServerUnavailable', probe.problem ?? 'no answer');
  if (facts.versionNum >= OLDEST_VERSION) return facts;
  throw new Failure('UnsupportedVersion', `server ${name} is older than PostgreSQL 13, the oldest version supported`);
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

/** Stores an inspected server under its name. @returns undefined when its name or its cluster is registered already */
export async function storeRegistration(
  deps: Pick<ApiDeps, 'sealer'>,
  tx: Queryable,
  caller: Caller,
  input: { inspected: InspectedServer; labels: Record<string, string>; settings: ServerSettings },
): Promise<ServerRecord | undefined> {
  const { inspected, labels, settings } = input;
  const { name } = inspected.address;
  const registration = registrationOf(inspected, { labels, settings });
  const inserted = await insertServer(tx, registration);
  if (inserted === undefined) return undefined;
  await storeAdminPassword(tx, deps.sealer, inspected.address);
  await attachWaitingHosts(tx, name);
  const server = await recordProbe(tx, { name, facts: inspected.facts });
  await auditChange(tx, caller, {
    action: 'server.register',
    resource: `server/${name}`,
    detail: { after: auditable(registration) },
  });
  return server ?? inserted;
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
  await insertSecrets(tx, [sealStored(sealer, { id, owner, version }, adminPassword)]);
  return true;
}
