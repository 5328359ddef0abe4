import type { RuntimeKind } from '../../../domain/services.ts';
import { startTestStack, type TestStack, type TestStackOptions } from '../../support/stack.ts';
import { type ReplicationGroup, startReplicationGroup } from './group.ts';

/** An installation whose hosts share one replication group: `host-1` begins with the primary. */
export interface GroupStack {
  stack: TestStack;
  group: ReplicationGroup;
  hostIds: string[];
}

const NO_CONTROL = {
  PGSTEWARD_HOST_POSTGRES_DATA_DIR: '',
  PGSTEWARD_HOST_POSTGRES_BIN_DIR: '',
  PGSTEWARD_HOST_REPLICATION_USER: '',
  PGSTEWARD_HOST_REPLICATION_PASSFILE: '',
};

/** Hosts `host-1`, `host-2`, … at 127.0.0.1, 127.0.0.2, …; one member of the group on each of the first `members`. */
export async function startGroupStack(options: {
  runtime: RuntimeKind;
  hosts: number;
  members: number;
  /** Whether the workers may stop and start the servers. */
  control?: boolean;
  env?: Record<string, string>;
  interceptors?: TestStackOptions['hostInterceptors'];
}): Promise<GroupStack> {
  const group = await startReplicationGroup(options.members);
  const hostIds = Array.from({ length: options.hosts }, (_, index) => `host-${index + 1}`);
  const environment = (index: number): Record<string, string> => {
    const member = group.members[index];
    return {
      PGSTEWARD_HOST_ADDRESSES: `127.0.0.${index + 1}`,
      // Empty counts as not set: what host-1 has is not meant for a host without a server.
      ...(options.control === true ? NO_CONTROL : {}),
      PGSTEWARD_HOST_SERVER: member === undefined ? '' : 'host-1',
      ...(member === undefined || options.control !== true
        ? {}
        : {
            PGSTEWARD_HOST_POSTGRES_DATA_DIR: member.dataDir,
            PGSTEWARD_HOST_POSTGRES_BIN_DIR: group.binDir,
            PGSTEWARD_HOST_REPLICATION_USER: group.replicationUser,
            PGSTEWARD_HOST_REPLICATION_PASSFILE: group.passfile,
          }),
    };
  };
  const [, ...others] = hostIds;
  const stack = await startTestStack({
    runtime: options.runtime,
    target: group.target,
    env: { PGSTEWARD_FAILOVER_SECONDS: '1', ...options.env, ...environment(0) },
    moreHosts: Object.fromEntries(others.map((id, index) => [id, environment(index + 1)])),
    ...(options.interceptors === undefined
      ? {}
      : { controlInterceptors: options.interceptors, hostInterceptors: options.interceptors }),
  });
  return { stack, group, hostIds };
}
