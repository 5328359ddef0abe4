import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { servicesDirectory } from '../../activities/host/instance-records.ts';
import { create, until } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { testRuntimes } from '../support/stack.ts';
import type { ReplicationGroup } from './support/group.ts';
import { type GroupStack, startGroupStack } from './support/stack.ts';

/** A database on a node of several hosts with one service on each of `services`. */
function nodeRequest(id: string, hosts: string[], services: string[] = hosts) {
  const name = id.replaceAll('-', '_');
  return {
    id,
    spec: {
      database_name: name,
      nodes: [{ name: 'n1', host_ids: hosts }],
      database_users: [{ username: `${name}_app`, password: 'changeme', db_owner: true, attributes: ['LOGIN'] }],
      services: [
        {
          service_id: 'api',
          service_type: 'postgrest',
          version: 'latest',
          host_ids: services,
          port: 0,
          connect_as: `${name}_app`,
          config: { db_pool: 2 },
        },
      ],
    },
  };
}

const hash = (hostId: string) =>
  BigInt(`0x${createHash('sha1').update(hostId).digest('hex')}`)
    .toString(36)
    .slice(0, 8);

describe.each(testRuntimes())('a node of two hosts, with services in the %s runtime', (runtime) => {
  let on: GroupStack;
  let group: ReplicationGroup;
  const hosts = ['host-2', 'host-1'];

  beforeAll(async () => {
    on = await startGroupStack({ runtime, hosts: 3, members: 2, env: { PGSTEWARD_PORT_RANGE: widePortRange(1200) } });
    group = on.group;
    const task = await create(on.stack, nodeRequest('wide', hosts, ['host-1', 'host-2', 'host-3']));
    expect(task).toMatchObject({ status: 'completed' });
  });
  afterAll(() => on?.stack.stop());

  const shown = async () => (await on.stack.call('GET', '/v1/databases/wide')).body;

  test('shows an instance for each host, with the role that its server says, whichever host comes first', async () => {
    const { instances } = await shown();
    expect(instances).toEqual(
      (
        [
          ['host-2', 'replica', 1],
          ['host-1', 'primary', 0],
        ] as const
      ).map(([hostId, role, member]) =>
        expect.objectContaining({
          id: `wide-n1-${hash(hostId)}`,
          host_id: hostId,
          node_name: 'n1',
          state: 'available',
          connection_info: { addresses: [group.members[member]?.address], port: group.members[member]?.port },
          postgres: { version: expect.stringMatching(/^\d+\.\d+$/), role },
          status_updated_at: expect.any(String),
        }),
      ),
    );
  });

  test('has a service on each of three hosts that answers, and asks the server on its own host first', async () => {
    const { service_instances: services } = await shown();
    expect(services.map((service: { host_id: string; state: string }) => [service.host_id, service.state])).toEqual([
      ['host-1', 'running'],
      ['host-2', 'running'],
      ['host-3', 'running'],
    ]);
    const uris = await Promise.all(on.hostIds.map(uriOf));
    const [first, second] = group.members.map(({ address, port }) => `${address}:${port}`);
    // host-3 has no server: the order is that of the registration.
    expect(uris.map((uri) => /\/\/([^/]+)\//.exec(uri)?.[1])).toEqual([
      `${first},${second}`,
      `${second},${first}`,
      `${second},${first}`,
    ]);
    for (const service of services) {
      const [address] = service.status.addresses;
      const { status } = await fetch(`http://${address}:${service.status.ports[0].host_port}/`);
      expect(status).toBe(200);
    }
  });

  async function uriOf(hostId: string): Promise<string> {
    const config = hostId === 'host-1' ? on.stack.config : on.stack.moreHosts.get(hostId)?.config;
    const services = servicesDirectory(config?.host.dataDir ?? '');
    const text = await readFile(join(services, `wide-api-${hostId}`, 'conf', 'postgrest.conf'), 'utf8');
    return /^db-uri = "(.*)"$/m.exec(text)?.[1] ?? '';
  }

  test('is refused where a host has no server, or its server is no standby that receives', async () => {
    const refuse = async (hostIds: string[]) => {
      const { status, body } = await on.stack.call(
        'POST',
        '/v1/databases',
        nodeRequest('refused', hostIds, ['host-1']),
      );
      expect(status).toBe(400);
      return body.message;
    };
    expect(await refuse(['host-1', 'host-3'])).toMatch(/nodes\[0\]\.host_ids\[1\]: this host has no PostgreSQL server/);
    const [, standby] = group.members;
    await standby?.stop();
    await until(async () => ((await shown()).instances[0].state === 'unknown' ? true : undefined));
    const silent = expect.stringMatching(/ECONNREFUSED/);
    expect((await shown()).instances[0]).toMatchObject({ host_id: 'host-2', error: silent });
    expect(await refuse(hosts)).toMatch(
      /nodes\[0\]\.host_ids\[0\]: host host-2 is no standby of this node: .*ECONNREFUSED/,
    );
    expect((await shown()).instances[0].postgres).not.toHaveProperty('role');
    await standby?.start();
    await until(async () => ((await shown()).instances[0].state === 'available' ? true : undefined));
  });

  test('is not switched over by workers that may not operate its servers', async () => {
    const { status, body } = await on.stack.call('POST', '/v1/databases/wide/nodes/n1/switchover', {});
    expect([status, body.name]).toEqual([400, 'operation_not_supported']);
    expect(body.message).toMatch(/^the servers of host-2, host-1 are not started and stopped by their host workers/);
  });
});
