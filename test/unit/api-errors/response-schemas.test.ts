import { expect, test } from 'vitest';
import { acceptedDatabaseSchema } from '../../../api/schemas/database.ts';
import { hostSchema } from '../../../api/schemas/host.ts';
import { taskLogSchema } from '../../../api/schemas/task.ts';
import { versionSchema } from '../../../api/schemas/version.ts';
import { exampleBody } from '../spec/requests.ts';
import { createTestApp } from './app.ts';

const NOW = '2026-07-16T07:19:59Z';
const TASK = {
  scope: 'database',
  entity_id: 'storefront',
  database_id: 'storefront',
  type: 'create',
  status: 'pending',
  task_id: '019f6a00-0000-7000-8000-000000000001',
  created_at: NOW,
};

test('the published answer to a create satisfies its schema', () => {
  const instance = {
    id: 'storefront-n1-689qacsi',
    host_id: 'host-1',
    node_name: 'n1',
    created_at: NOW,
    updated_at: NOW,
  };
  const answer = {
    task: TASK,
    database: {
      id: 'storefront',
      state: 'creating',
      created_at: NOW,
      updated_at: NOW,
      spec: exampleBody().spec,
      instances: [{ ...instance, state: 'available', postgres: { version: '17.6', role: 'primary' } }],
      service_instances: [
        {
          service_instance_id: 'storefront-api-host-1',
          service_id: 'api',
          database_id: 'storefront',
          host_id: 'host-1',
          state: 'running',
          created_at: NOW,
          updated_at: NOW,
          status: {
            container_id: 'abc',
            ports: [{ name: 'http', container_port: 8080, host_port: 3100 }],
            health_check: { status: 'healthy', checked_at: NOW },
            service_ready: true,
          },
        },
      ],
    },
  };
  expect(acceptedDatabaseSchema.parse(answer)).toEqual(answer);
});

test('a task log, a host and a version satisfy their schemas', () => {
  const { scope, entity_id, task_id } = TASK;
  const log = {
    scope,
    entity_id,
    task_id,
    task_status: 'running',
    entries: [{ timestamp: NOW, message: 'x', fields: { a: 1 } }],
  };
  const host = {
    id: 'host-1',
    orchestrator: 'swarm',
    data_dir: '/var/lib/pgsteward',
    peer_addresses: ['127.0.0.1'],
    client_addresses: ['127.0.0.1'],
    status: { state: 'healthy', updated_at: NOW, components: { docker: { healthy: true } } },
  };
  const version = { version: '0.1.0', revision: 'abc', revision_time: NOW, arch: 'amd64' };
  expect(taskLogSchema.parse(log)).toEqual(log);
  expect(hostSchema.parse(host)).toEqual(host);
  expect(versionSchema.parse(version)).toEqual(version);
});

test('the OpenAPI document names the objects of the contract and describes the request', () => {
  const document = createTestApp().getOpenAPI31Document({ openapi: '3.1.0', info: { title: 'test', version: '1' } });
  expect(Object.keys(document.components?.schemas ?? {})).toEqual(
    expect.arrayContaining(['APIError', 'SchemaError', 'Database', 'Instance', 'ServiceInstance', 'ServiceStatus']),
  );
  expect(JSON.stringify(document.paths)).toContain('target_session_attrs');
});
