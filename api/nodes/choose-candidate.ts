import { isSame, label, locateEndpoint, type ReplicationEndpoint } from '../../domain/replication/endpoints.ts';
import { postgresInstanceId } from '../../domain/replication/instance-id.ts';
import { hostHash } from '../../platform/host-hash.ts';
import type { EndpointAnswer } from '../../platform/target/primary.ts';
import type { DatabaseRecord } from '../../store/databases.ts';
import type { HostRecord } from '../../store/hosts.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { type Surroundings, serverOfHost } from '../databases/surroundings.ts';
import { ApiError, invalidInput } from '../errors.ts';

/** Which hosts change places. */
export interface Switch {
  server: ServerRecord;
  primaryHostId: string;
  candidateHostId: string;
}

interface NodeMember {
  host: HostRecord;
  instanceId: string;
  endpoint: ReplicationEndpoint | undefined;
  answer: EndpointAnswer | undefined;
}

/**
 * Judges whether a node can be switched over, and to which of its hosts.
 * @param around with topologies
 * @throws ApiError 400 where hosts may not operate their servers or the candidate will not do, 404 without a primary, 409 with two
 */
export function chooseCandidate(
  database: DatabaseRecord,
  node: { nodeName: string; candidateInstanceId: string | undefined },
  around: Surroundings,
): Switch {
  const { nodeName, candidateInstanceId } = node;
  const hostIds = database.spec.nodes.find(({ name }) => name === nodeName)?.host_ids;
  if (hostIds === undefined) throw new ApiError('not_found', `the database has no node "${nodeName}"`);
  const server = serverOfHost(around, hostIds[0] ?? '');
  if (server === undefined) throw new ApiError('not_found', `node ${nodeName} has no server`);
  const members = hostIds.flatMap((hostId) => memberOf(hostId, { database, nodeName, server, around }) ?? []);
  assertOperable(members, nodeName);
  const primary = primaryOf(members, server, around.topologies?.get(server.name)?.answers ?? []);
  const standbys = members.filter(
    ({ answer }) =>
      answer?.state === 'standby' &&
      answer.systemIdentifier === server.systemIdentifier &&
      answer.replication?.receiving === true,
  );
  const candidate =
    candidateInstanceId === undefined
      ? standbys.toSorted((a, b) => positionOf(b) - positionOf(a))[0]
      : named(candidateInstanceId, members, standbys, primary);
  if (candidate === undefined) {
    throw new ApiError('operation_not_supported', `node ${nodeName} has no standby that receives from its primary`);
  }
  return { server, primaryHostId: primary.host.id, candidateHostId: candidate.host.id };
}

function memberOf(
  hostId: string,
  of: { database: DatabaseRecord; nodeName: string; server: ServerRecord; around: Surroundings },
): NodeMember | undefined {
  const host = of.around.hosts.get(hostId);
  if (host === undefined) return undefined;
  const located = locateEndpoint(host, of.server.endpoints);
  const endpoint = 'endpoint' in located ? located.endpoint : undefined;
  const answers = of.around.topologies?.get(of.server.name)?.answers ?? [];
  return {
    host,
    instanceId: postgresInstanceId({ databaseId: of.database.id, nodeName: of.nodeName, hostHash: hostHash(hostId) }),
    endpoint,
    answer: answers.find((answer) => endpoint !== undefined && isSame(answer.endpoint, endpoint)),
  };
}

function assertOperable(members: readonly NodeMember[], nodeName: string): void {
  if (members.length < 2) {
    throw new ApiError('operation_not_supported', `node ${nodeName} has one host: there is nothing to switch over to`);
  }
  const foreign = members.filter(({ host }) => host.facts?.postgres?.dataDir === undefined).map(({ host }) => host.id);
  if (foreign.length > 0) {
    throw new ApiError(
      'operation_not_supported',
      `the servers of ${foreign.join(', ')} are not started and stopped by their host workers (PGSTEWARD_HOST_POSTGRES_DATA_DIR is not set there): switch over with what operates them; services follow by themselves`,
    );
  }
}

function primaryOf(
  members: readonly NodeMember[],
  server: ServerRecord,
  answers: readonly EndpointAnswer[],
): NodeMember {
  const primaries = answers.filter(
    ({ state, systemIdentifier }) => state === 'primary' && systemIdentifier === server.systemIdentifier,
  );
  const [first, second] = primaries.map(({ endpoint }) => endpoint);
  if (first !== undefined && second !== undefined) {
    throw new ApiError(
      'database_not_modifiable',
      `server ${server.name} has two primaries, ${label(first)} and ${label(second)}: nothing is changed until one of them is fenced`,
    );
  }
  const primary = members.find(
    ({ endpoint }) => first !== undefined && endpoint !== undefined && isSame(endpoint, first),
  );
  if (primary === undefined) throw new ApiError('not_found', 'the node has no primary');
  return primary;
}

function named(
  id: string,
  members: readonly NodeMember[],
  standbys: readonly NodeMember[],
  primary: NodeMember,
): NodeMember {
  const path = 'candidate_instance_id';
  const member = members.find(({ instanceId }) => instanceId === id);
  if (member === undefined) throw invalidInput([{ path, message: 'is no instance of this node' }]);
  if (member === primary) throw invalidInput([{ path, message: 'is the primary already' }]);
  if (!standbys.includes(member)) {
    throw invalidInput([{ path, message: `host ${member.host.id} has no standby that receives from the primary` }]);
  }
  return member;
}

const positionOf = ({ answer }: NodeMember): number => answer?.replication?.position ?? 0;
