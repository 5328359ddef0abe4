import { Failure } from '../../../../domain/failures.ts';
import { locateEndpoint, type ReplicationEndpoint } from '../../../../domain/replication/endpoints.ts';
import type { PostgresOrder } from '../../../../domain/replication/host-postgres.ts';
import { postgresInstanceId } from '../../../../domain/replication/instance-id.ts';
import { hostHash } from '../../../../platform/host-hash.ts';
import { sealForHost } from '../../../../platform/secrets/host-envelope.ts';
import { instancesOfServer } from '../../../../store/failover.ts';
import { findHost, type HostRecord } from '../../../../store/hosts.ts';
import { findServer, type ServerRecord } from '../../../../store/servers.ts';
import { findSwitchover, type SwitchoverRecord } from '../../../../store/switchovers.ts';
import type { ControlDeps } from '../../deps.ts';
import { joinKeyFor } from '../../hosts/join-key.ts';
import type { SwitchoverOrders, SwitchoverPart } from '../../types.ts';

/** Everything on record about a switchover. */
export interface SwitchoverParties {
  record: SwitchoverRecord;
  server: ServerRecord;
  primary: Party;
  candidate: Party;
}

/** A host of the switchover with its endpoint. */
export interface Party {
  host: HostRecord;
  endpoint: ReplicationEndpoint;
}

/** @throws Failure StaleTask where the task is unknown, NotAllowed where a host may not operate its server */
export async function loadParties(deps: ControlDeps, taskId: string): Promise<SwitchoverParties> {
  const record = await findSwitchover(deps.db, taskId);
  const server = record === undefined ? undefined : await findServer(deps.db, record.serverName);
  if (record === undefined || server === undefined) throw new Failure('StaleTask', `task ${taskId} is unknown`);
  const [primary, candidate] = await Promise.all([
    partyOf(deps, server, record.primaryHostId),
    partyOf(deps, server, record.candidateHostId),
  ]);
  return { record, server, primary, candidate };
}

async function partyOf(deps: ControlDeps, server: ServerRecord, hostId: string): Promise<Party> {
  const host = await findHost(deps.db, hostId);
  if (host?.facts?.postgres?.dataDir === undefined) {
    throw new Failure(
      'NotAllowed',
      `the worker of host ${hostId} may not operate its server: see PGSTEWARD_HOST_POSTGRES_DATA_DIR`,
    );
  }
  const located = locateEndpoint(host, server.endpoints);
  if ('problem' in located) throw new Failure('NotAllowed', `host ${hostId}: ${located.problem}`);
  return { host, endpoint: located.endpoint };
}

/** Seals an order for each of the two hosts, bound to the task (R13). */
export async function sealOrders(deps: ControlDeps, parties: SwitchoverParties): Promise<SwitchoverOrders> {
  const { primary, candidate, server } = parties;
  const [forPrimary, forCandidate, services] = await Promise.all([
    sealOrder(deps, parties, { party: primary, part: 'primary', other: candidate.endpoint }),
    sealOrder(deps, parties, { party: candidate, part: 'candidate', other: primary.endpoint }),
    instancesOfServer(deps.db, server.name),
  ]);
  return { primary: forPrimary, candidate: forCandidate, services };
}

async function sealOrder(
  deps: ControlDeps,
  { record, server }: SwitchoverParties,
  { party, part, other }: { party: Party; part: PostgresOrder['part']; other: ReplicationEndpoint },
): Promise<SwitchoverPart> {
  const { id: hostId, publicKey } = party.host;
  if (publicKey === null) throw new Failure('HostUnavailable', `host ${hostId} has never joined; start its worker`);
  const instanceId = postgresInstanceId({ ...record, hostHash: hostHash(hostId) });
  const { taskId } = record;
  const { mode: sslMode, caCertificate } = server.tls;
  const payload: PostgresOrder = {
    instanceId,
    taskId,
    hostId,
    systemIdentifier: server.systemIdentifier,
    part,
    other,
    sslMode,
    ...(caCertificate === undefined ? {} : { caCertificate }),
  };
  const sealedOrder = await sealForHost({
    publicJwk: publicKey,
    joinToken: await joinKeyFor(deps, party.host.joinTokenId),
    binding: { hostId, instanceId, taskId },
    payload,
  });
  return { hostId, instanceId, sealedOrder };
}
