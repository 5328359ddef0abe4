import { describe, expect, test } from 'vitest';
import { lookAt } from '../../../domain/monitoring/look.ts';
import type { HostCheck, HostFacts, ServiceObservation } from '../../../domain/services.ts';

const OF = { instanceId: 'shop-api-host-1', hostId: 'host-1' };
const AT = '2026-07-16T07:20:00.000Z';

const FACTS: HostFacts = {
  hostId: 'host-1',
  workerId: 'w',
  runtime: 'docker',
  cpus: 2,
  memoryBytes: 1,
  dataDir: '/srv',
  addresses: ['10.0.0.5'],
  components: { docker: { healthy: true } },
  postgrestVersions: [],
};
const SERVICE: ServiceObservation = {
  instanceId: OF.instanceId,
  databaseId: 'shop',
  serviceId: 'api',
  port: 3100,
  running: true,
  containerId: 'c1',
  image: 'postgrest:1',
  version: '12.0.2',
  startedAt: AT,
};
const check = (services: ServiceObservation[], facts: Partial<HostFacts> = {}): HostCheck => ({
  hostId: 'host-1',
  checkedAt: AT,
  facts: { ...FACTS, ...facts },
  services,
});
const health = (healthy: boolean, message?: string) => ({
  health: { healthy, checkedAt: AT, ...(message === undefined ? {} : { message }) },
});

describe('what a host says about an instance', () => {
  test('healthy is only what runs and serves', () => {
    const service = { ...SERVICE, ...health(true) };
    expect(lookAt(OF, check([service]))).toEqual({ health: 'healthy', service, addresses: ['10.0.0.5'] });
  });

  test.each<[what: string, service: ServiceObservation | undefined, message: string | RegExp]>([
    ['runs, and does not serve', { ...SERVICE, ...health(false, '503 PGRST001') }, '503 PGRST001'],
    ['runs, and does not serve for no reason given', { ...SERVICE, ...health(false) }, /does not serve/],
    ['does not run, whatever its last health was', { ...SERVICE, running: false, ...health(true) }, /does not run/],
    ['is another one', { ...SERVICE, instanceId: 'other', ...health(true) }, /no container or process/],
    ['is not there', undefined, /no container or process/],
  ])('unhealthy is what %s', (_what, service, message) => {
    const look = lookAt(OF, check(service === undefined ? [] : [service]));
    expect(look.health).toBe('unhealthy');
    expect(look.message).toMatch(message);
  });

  test.each<[what: string, answer: HostCheck | undefined, message: RegExp]>([
    ['did not answer', { hostId: 'host-1', checkedAt: AT }, /^host host-1 does not answer$/],
    ['was not asked', undefined, /does not answer/],
    [
      'has an engine that does not answer, and so lists nothing',
      check([], { components: { docker: { healthy: false, error: 'connect ENOENT' } } }),
      /cannot look: connect ENOENT/,
    ],
    ['has not looked', check([SERVICE]), /does not say/],
    [
      'looked at its predecessor last',
      check([{ ...SERVICE, startedAt: '2026-07-16T07:20:00.001Z', ...health(true) }]),
      /not looked since it was started/,
    ],
  ])('unknown is what nobody could tell: a host that %s', (_what, answer, message) => {
    const look = lookAt(OF, answer);
    expect(look.health).toBe('unknown');
    expect(look.message).toMatch(message);
  });
});
