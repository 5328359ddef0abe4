import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { containerName, containerOptions, defaultNetwork, LABELS } from '../../../platform/runtime/docker-container.ts';
import type { ServiceLaunch } from '../../../platform/runtime/service-runtime.ts';
import { EXAMPLE_BUNDLE } from './example-bundle.ts';

const { settings: _settings, connection: _connection, secrets: _secrets, ...rest } = EXAMPLE_BUNDLE;
const LAUNCH: ServiceLaunch = {
  ...rest,
  unit: rest.instanceId,
  directory: '/var/lib/pgsteward/services/storefront-api-host-1/conf',
};
const SURROUNDINGS = {
  image: 'pgsteward/postgrest:12.0.2',
  network: 'host',
  user: { uid: 65532, gid: 65532 },
} as const;

describe('containerOptions', () => {
  test('a container has no rights, no writable root and a bounded log', () => {
    const { HostConfig, User } = containerOptions(LAUNCH, SURROUNDINGS);
    expect(User).toBe('65532:65532');
    expect(HostConfig).toMatchObject({
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      NetworkMode: 'host',
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 5 },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    });
    expect(HostConfig?.PidsLimit).toBeGreaterThan(0);
  });

  test('limits of the specification are passed on, and the thread count follows the CPUs', () => {
    const { HostConfig, Env } = containerOptions({ ...LAUNCH, cpus: 1.5, memoryBytes: 128e6 }, SURROUNDINGS);
    expect(HostConfig).toMatchObject({ NanoCpus: 1_500_000_000, Memory: 128e6 });
    expect(Env).toEqual(['PGSERVICEFILE=/app/data/pg_service.conf', 'GHCRTS=-N2']);
  });

  test('labels of the specification never replace ours', () => {
    const labels = { team: 'shop', [LABELS.installation]: 'another' };
    expect(containerOptions({ ...LAUNCH, labels }, SURROUNDINGS).Labels).toMatchObject({
      team: 'shop',
      [LABELS.installation]: LAUNCH.installationId,
    });
  });

  test('a bridged container publishes its one port on the host address only', () => {
    const { HostConfig } = containerOptions(LAUNCH, { ...SURROUNDINGS, network: 'bridge' });
    expect(HostConfig).toMatchObject({
      NetworkMode: 'bridge',
      PortBindings: { '3100/tcp': [{ HostIp: '127.0.0.1', HostPort: '3100' }] },
      ExtraHosts: ['host.docker.internal:host-gateway'],
    });
  });

  test('an equal launch has an equal configuration hash, and any change another one', () => {
    const hash = (launch: ServiceLaunch) => containerOptions(launch, SURROUNDINGS).Labels[LABELS.configuration];
    expect(hash({ ...LAUNCH })).toBe(hash(LAUNCH));
    expect(hash({ ...LAUNCH, epoch: 2 })).not.toBe(hash(LAUNCH));
    expect(hash({ ...LAUNCH, port: 3102 })).not.toBe(hash(LAUNCH));
  });
});

test('container names fit a host name and stay different', () => {
  const id = fc.stringMatching(/^[a-z0-9]{1,30}(-[a-z0-9]{1,30}){0,2}$/);
  fc.assert(
    fc.property(id, id, (one, other) => {
      const names = [one, other].map((unit) => containerName({ ...LAUNCH, unit }));
      for (const name of names) expect(name).toMatch(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/);
      expect(names[0] === names[1]).toBe(one === other);
    }),
  );
});

test('the host network is used only where the engine shares this machine', () => {
  expect(defaultNetwork({ platform: 'linux', operatingSystem: 'Debian GNU/Linux 12' })).toBe('host');
  expect(defaultNetwork({ platform: 'linux', operatingSystem: 'Docker Desktop' })).toBe('bridge');
  expect(defaultNetwork({ platform: 'darwin', operatingSystem: 'Docker Desktop' })).toBe('bridge');
});
