import { describe, expect, test } from 'vitest';
import { renderServiceInstance } from '../../../api/databases/render-service-instance.ts';
import { serviceInstanceSchema } from '../../../api/schemas/service-instance.ts';
import type { InstanceRecord } from '../../../store/instances.ts';

const NOW = Date.now();
const iso = (fromNowMs: number) => new Date(NOW + fromNowMs).toISOString();

/** An instance that was well a minute ago. */
function recorded(changes: Partial<InstanceRecord>): InstanceRecord {
  return {
    id: 'shop-api-host-1',
    databaseId: 'shop',
    serviceId: 'api',
    hostId: 'host-1',
    state: 'running',
    port: 3100,
    published: true,
    version: '12.0.2',
    status: { healthy: true, checkedAt: iso(-60_000), lastHealthyAt: iso(-60_000), freshUntil: iso(60_000) },
    error: null,
    createdAt: new Date(NOW - 3_600_000),
    updatedAt: new Date(NOW - 3_600_000),
    ...changes,
  };
}
const shown = (changes: Partial<InstanceRecord>) =>
  serviceInstanceSchema.parse(renderServiceInstance(recorded(changes)));

describe('health and readiness of an instance as they are shown', () => {
  test.each<[what: string, changes: Partial<InstanceRecord>, health: string, ready: boolean]>([
    ['found healthy, and the look still stands', {}, 'healthy', true],
    ['found healthy at its publication', { status: { healthy: true, checkedAt: iso(0) } }, 'healthy', true],
    [
      'found healthy, and nobody has looked since',
      { status: { healthy: true, checkedAt: iso(-120_000), freshUntil: iso(-1) } },
      'unknown',
      false,
    ],
    ['found healthy, and not running on record', { state: 'failed' }, 'healthy', false],
    ['found unhealthy', { status: { healthy: false, checkedAt: iso(0) } }, 'unhealthy', false],
    ['found by nobody', { status: { checkedAt: iso(0) } }, 'unknown', false],
  ])('%s', (_what, changes, health, ready) => {
    expect(shown(changes).status).toMatchObject({ health_check: { status: health }, service_ready: ready });
  });

  test.each<[what: string, changes: Partial<InstanceRecord>]>([
    ['is being created', { state: 'creating', status: {} }],
    ['never came to be', { state: 'failed', status: {}, error: 'no image' }],
    ['is being removed', { state: 'deleting' }],
  ])('are not shown of one that %s', (_what, changes) => {
    expect(shown(changes)).not.toHaveProperty('status');
  });

  test('come with the words of the look', () => {
    const status = { healthy: false, healthMessage: '503 PGRST001', checkedAt: iso(0) };
    expect(shown({ state: 'failed', status, error: 'not healthy for 31 s: 503 PGRST001' })).toMatchObject({
      error: 'not healthy for 31 s: 503 PGRST001',
      status: { health_check: { message: '503 PGRST001' } },
    });
  });
});
