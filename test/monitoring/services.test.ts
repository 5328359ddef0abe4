import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { databaseSchema } from '../../api/schemas/database.ts';
import type { serviceInstanceSchema } from '../../api/schemas/service-instance.ts';
import type { monitorHosts } from '../../workflows/monitor-hosts.ts';
import { rest } from '../e2e/support/rest.ts';
import { create, until } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack, testRuntimes } from '../support/stack.ts';
import { freeze, takeAway, thaw } from './support/containers.ts';

type Instance = z.infer<typeof serviceInstanceSchema>;

const GRACE_SECONDS = 2;

describe.each(testRuntimes())('a service that is watched, with the %s runtime', (runtime) => {
  let stack: TestStack;
  let first: Instance;

  beforeAll(async () => {
    stack = await startTestStack({
      runtime,
      env: { PGSTEWARD_MONITOR_SECONDS: '1', PGSTEWARD_MONITOR_GRACE_SECONDS: String(GRACE_SECONDS) },
    });
    const task = await create(stack, seedRequest({ id: 'watched', port: stack.port() }));
    expect(task).toMatchObject({ status: 'completed' });
    first = await shown();
  });
  afterAll(() => stack?.stop());

  async function database() {
    return databaseSchema.parse((await stack.call('GET', '/v1/databases/watched')).body);
  }
  async function shown(): Promise<Instance> {
    const [instance] = (await database()).service_instances ?? [];
    if (instance === undefined) throw new Error('no instance is shown');
    return instance;
  }
  /** The instance as soon as it is shown like this; nobody may ever see one that is ready and not healthy. */
  const shownWith = (isIt: (instance: Instance) => boolean) =>
    until(async () => {
      const instance = await shown();
      const { health_check: health, service_ready: ready } = instance.status ?? {};
      expect(ready === true && (health?.status !== 'healthy' || instance.state !== 'running')).toBe(false);
      return isIt(instance) ? instance : undefined;
    });
  const healthOf = ({ status }: Instance) => status?.health_check?.status;
  const containerOf = ({ status }: Instance) => status?.container_id ?? '';
  const well = () => shownWith((instance) => instance.state === 'running' && healthOf(instance) === 'healthy');
  /** So many looks of the monitor, each of which has been recorded. */
  async function looks(count: number): Promise<void> {
    for (let seen = 0; seen < count; seen += 1) {
      const before = (await shown()).status?.health_check?.checked_at ?? '';
      await shownWith(({ status }) => (status?.health_check?.checked_at ?? '') > before);
    }
  }

  it('is told in full, and each look is told without the instance having changed', async () => {
    await looks(2);
    const later = await well();
    expect(later).toEqual({
      ...first,
      status: {
        container_id: expect.stringMatching(runtime === 'docker' ? /^[0-9a-f]{64}$/ : /^pid:\d+$/),
        image_version: expect.stringMatching(/postgrest/),
        addresses: ['127.0.0.1'],
        ports: [{ name: 'http', container_port: 8080, host_port: stack.port() }],
        health_check: { status: 'healthy', checked_at: expect.any(String) },
        last_health_at: expect.any(String),
        service_ready: true,
      },
    });
    expect(later.status?.last_health_at).toBe(later.status?.health_check?.checked_at);
    expect(Date.parse(later.status?.last_health_at ?? '')).toBeGreaterThan(
      Date.parse(first.status?.last_health_at ?? ''),
    );
  });

  it('that stops answering is unhealthy at once, failed after its grace, and running when it answers again', async () => {
    const before = await well();
    await freeze(containerOf(before));
    const unhealthy = await shownWith((instance) => healthOf(instance) === 'unhealthy');
    expect(unhealthy.status).toMatchObject({
      container_id: containerOf(before),
      health_check: { message: expect.stringMatching(/does not answer requests: no HTTP answer/) },
      service_ready: false,
    });
    const failed = await shownWith((instance) => instance.state === 'failed');
    expect(failed.error).toMatch(/^not healthy for \d+ s: .*no HTTP answer/);
    expect(failed.status).toMatchObject({ health_check: { status: 'unhealthy' }, service_ready: false });
    expect(failed.updated_at > before.updated_at).toBe(true);
    expect(await database()).toMatchObject({ state: 'available' });

    await thaw(containerOf(before));
    const after = await well();
    expect(after).not.toHaveProperty('error');
    expect([after.service_instance_id, after.created_at, containerOf(after)]).toEqual([
      before.service_instance_id,
      before.created_at,
      containerOf(before),
    ]);
    const log = (await stack.log()).split('\n').filter((line) => line.includes('"a service is '));
    expect(log.map((line) => JSON.parse(line))).toMatchObject([
      { instanceId: 'watched-api-host-1', from: 'running', to: 'failed', reason: failed.error },
      { instanceId: 'watched-api-host-1', from: 'failed', to: 'running', reason: 'it serves requests' },
    ]);
  });

  it('is left to an operation that is under way: its health is told, its state is not changed', async () => {
    const before = await well();
    await stack.control.db.query("UPDATE databases SET state = 'modifying'");
    await freeze(containerOf(before));
    await shownWith((instance) => healthOf(instance) === 'unhealthy');
    await looks(GRACE_SECONDS + 2);
    expect(await shown()).toMatchObject({ state: 'running', updated_at: before.updated_at });
    await stack.control.db.query("UPDATE databases SET state = 'available'");
    await shownWith((instance) => instance.state === 'failed');
    await thaw(containerOf(before));
    await well();
  });

  it('that somebody removed is told as it is, and is brought back as the same instance', async () => {
    const before = await well();
    const look = () =>
      stack.temporal.client.workflow.execute<typeof monitorHosts>('monitorHosts', {
        workflowId: `look/${Date.now()}`,
        taskQueue: 'control',
      });
    // Its host brings it back within seconds: when that was quicker than the look, it is removed again.
    const away = await until(async () => {
      await takeAway(containerOf(await well()));
      await look();
      const instance = await shown();
      return healthOf(instance) === 'unhealthy' ? instance : undefined;
    });
    expect(away.status).toMatchObject({
      health_check: { message: expect.stringMatching(/no container or process|does not run/) },
      service_ready: false,
    });
    const after = await well();
    expect(containerOf(after)).not.toBe(containerOf(before));
    expect([after.service_instance_id, after.created_at]).toEqual([before.service_instance_id, before.created_at]);
    expect(await rest(stack.port(), '/')).toMatchObject({ status: 200 });
  });

  it('whose host is silent is unknown and not ready, and keeps its state', async () => {
    const before = await well();
    await stack.hostWorker.stop();
    const unknown = await shownWith((instance) => healthOf(instance) === 'unknown');
    expect(unknown).toMatchObject({
      state: 'running',
      updated_at: before.updated_at,
      status: {
        container_id: containerOf(before),
        health_check: { message: 'host host-1 does not answer' },
        service_ready: false,
      },
    });
    await looks(GRACE_SECONDS + 1);
    expect(await shown()).toMatchObject({ state: 'running', updated_at: before.updated_at });
    await stack.restartHostWorker();
    expect(await well()).toMatchObject({ updated_at: before.updated_at });
  });
});
