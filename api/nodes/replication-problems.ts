import { isSame, label, locateEndpoint, type ReplicationEndpoint } from '../../domain/replication/endpoints.ts';
import type { Problem } from '../../domain/spec/problems.ts';
import type { DatabaseSpec } from '../../domain/spec/types.ts';
import { answerText } from '../../platform/target/primary.ts';
import type { ServerTopology } from '../../platform/target/topology.ts';
import type { HostRecord } from '../../store/hosts.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { type Surroundings, serverOfHost } from '../databases/surroundings.ts';

/** A host of a node with its endpoint. */
interface Member {
  path: string;
  host: HostRecord;
  endpoint: ReplicationEndpoint;
}

/**
 * Why the hosts of a node are no replication group: each must hold one endpoint of the same registered server, one of them its
 * primary and the others standbys that receive. A node with one host is not judged.
 * @param around with topologies
 */
export function replicationProblems(spec: Pick<DatabaseSpec, 'nodes'>, around: Surroundings): Problem[] {
  return spec.nodes.flatMap((node, index) =>
    node.host_ids.length < 2 ? [] : [...nodeProblems(node.host_ids, `nodes[${index}]`, around)],
  );
}

function* nodeProblems(hostIds: readonly string[], path: string, around: Surroundings): Generator<Problem> {
  const [firstId = ''] = hostIds;
  const server = serverOfHost(around, firstId);
  // Reported by the validation: unknown, or without a server.
  if (server === undefined) return;
  const members: Member[] = [];
  for (const [index, hostId] of hostIds.entries()) {
    const here = `${path}.host_ids[${index}]`;
    const host = around.hosts.get(hostId);
    const own = serverOfHost(around, hostId);
    if (host === undefined || own === undefined) continue;
    const member = own.name === server.name ? memberOf(here, host, server, members) : otherServer(own, firstId, server);
    if (typeof member !== 'string') members.push(member);
    else yield { path: here, message: `host ${hostId}: ${member}` };
  }
  if (members.length < hostIds.length) return;
  yield* topologyProblems(members, path, server, around.topologies?.get(server.name));
}

function otherServer(own: ServerRecord, firstId: string, server: ServerRecord): string {
  return `it belongs to server ${own.name}, and host ${firstId} of the same node to server ${server.name}; the hosts of a node are one replication group`;
}

function memberOf(path: string, host: HostRecord, server: ServerRecord, before: readonly Member[]): Member | string {
  const located = locateEndpoint(host, server.endpoints);
  if ('problem' in located) return `${located.problem} (server ${server.name})`;
  const twin = before.find(({ endpoint }) => isSame(endpoint, located.endpoint));
  if (twin !== undefined) return `its endpoint ${label(located.endpoint)} is that of host ${twin.host.id}`;
  return { path, host, endpoint: located.endpoint };
}

function* topologyProblems(
  members: readonly Member[],
  path: string,
  server: ServerRecord,
  topology: ServerTopology | undefined,
): Generator<Problem> {
  if (topology === undefined) {
    yield { path, message: `server ${server.name} could not be asked for its primary and standbys in time` };
    return;
  }
  let primaries = 0;
  for (const { path: here, host, endpoint } of members) {
    const answer = topology.answers.find((candidate) => isSame(candidate.endpoint, endpoint));
    const isOurs = answer?.systemIdentifier === server.systemIdentifier;
    if (isOurs && answer.state === 'primary') primaries += 1;
    else if (answer === undefined || !isOurs || answer.state !== 'standby') {
      const said = answer === undefined ? 'was not asked' : answerText(answer, server.systemIdentifier);
      yield { path: here, message: `host ${host.id} is no standby of this node: ${said}` };
    } else if (answer.replication?.receiving === false) {
      const message = `host ${host.id} is no standby of this node: ${label(endpoint)} receives nothing from another server`;
      yield { path: here, message };
    }
  }
  if (primaries > 1) {
    yield { path, message: `server ${server.name} has ${primaries} primaries: nothing is changed until one is fenced` };
  }
  const others = topology.answers.filter(({ state }) => state === 'primary');
  if (primaries === 0) {
    const where = others.map(({ endpoint }) => label(endpoint)).join(', ') || 'nowhere to be found';
    yield { path, message: `the primary of server ${server.name} is on none of these hosts: it is ${where}` };
  }
}
