import { isSame, locateEndpoint, type ReplicationEndpoint } from '../../domain/replication/endpoints.ts';
import { answerText, type EndpointAnswer } from '../../platform/target/primary.ts';
import type { ServerTopology } from '../../platform/target/topology.ts';
import type { HostRecord } from '../../store/hosts.ts';
import type { ServerRecord } from '../../store/servers.ts';

/** What is known now of the PostgreSQL instance of one host. */
export interface InstanceCondition {
  endpoint?: ReplicationEndpoint;
  state: 'available' | 'degraded' | 'failed' | 'unknown';
  /** Left out where nobody can say. */
  role?: 'primary' | 'replica';
  versionNum?: number;
  askedAt?: Date;
  /** Why it is not available. */
  error?: string;
}

/**
 * Judges one instance by what the endpoints of its server said.
 * @param alone the only host of its node: it stands for the whole server, wherever the primary is
 */
export function instanceCondition(input: {
  host: HostRecord;
  server: ServerRecord;
  topology: ServerTopology | undefined;
  alone: boolean;
}): InstanceCondition {
  const { host, server, topology, alone } = input;
  const answers = (topology?.answers ?? []).filter((answer) => !isOtherCluster(answer, server));
  const primaries = answers.filter(({ state }) => state === 'primary');
  const located = locateEndpoint(host, server.endpoints);
  const endpoint = 'endpoint' in located ? located.endpoint : alone ? primaries[0]?.endpoint : undefined;
  if (endpoint === undefined) {
    return { state: 'unknown', error: `host ${host.id}: ${'problem' in located ? located.problem : 'no endpoint'}` };
  }
  if (topology === undefined) return { endpoint, state: 'unknown', error: 'the server could not be asked in time' };
  const answer = topology.answers.find((candidate) => isSame(candidate.endpoint, endpoint));
  if (answer === undefined) return { endpoint, state: 'unknown', error: 'the server was registered anew just now' };
  const said = answerText(answer, server.systemIdentifier);
  const { versionNum } = answer;
  const known = { endpoint, askedAt: topology.askedAt, ...(versionNum === undefined ? {} : { versionNum }) };
  if (isOtherCluster(answer, server)) return { ...known, state: 'failed', error: said };
  return { ...known, ...CONDITIONS[answer.state](answer, { primaries: primaries.length, said }) };
}

type Judged = Pick<InstanceCondition, 'state' | 'role' | 'error'>;

const CONDITIONS: Record<
  EndpointAnswer['state'],
  (answer: EndpointAnswer, around: { primaries: number; said: string }) => Judged
> = {
  primary: (_, { primaries, said }) =>
    primaries > 1
      ? { state: 'degraded', role: 'primary', error: `${said}, beside another one: nothing is changed (R20)` }
      : { state: 'available', role: 'primary' },
  standby: ({ replication }, { said }) =>
    replication?.receiving === false
      ? { state: 'degraded', role: 'replica', error: `${said} and receives nothing from another server` }
      : { state: 'available', role: 'replica' },
  // A former primary that was fenced has no role beside the new one.
  read_only: (_, { primaries, said }) => ({
    state: 'degraded',
    ...(primaries > 0 ? {} : { role: 'primary' as const }),
    error: said,
  }),
  unreachable: (_, { said }) => ({ state: 'unknown', error: said }),
};

function isOtherCluster({ systemIdentifier }: EndpointAnswer, server: ServerRecord): boolean {
  return systemIdentifier !== undefined && systemIdentifier !== server.systemIdentifier;
}
