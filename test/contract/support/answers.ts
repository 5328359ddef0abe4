import { expect } from 'vitest';
import type { TestStack } from '../../support/stack.ts';

/** Members that the published Go client dereferences without looking, by kind of object (contract, 1.1). */
export const REQUIRED = {
  database: ['id', 'created_at', 'updated_at', 'state'],
  serviceInstance: ['service_instance_id', 'service_id', 'database_id', 'host_id', 'state', 'created_at', 'updated_at'],
  instance: ['id', 'host_id', 'node_name', 'created_at', 'updated_at', 'state'],
  task: ['scope', 'entity_id', 'task_id', 'created_at', 'type', 'status'],
  taskLog: ['scope', 'entity_id', 'task_id', 'task_status', 'entries'],
  host: ['id', 'orchestrator', 'data_dir', 'peer_addresses', 'client_addresses', 'status'],
  version: ['version', 'revision', 'revision_time', 'arch'],
  cluster: ['id', 'status', 'hosts'],
  joinToken: ['token', 'server_urls'],
} as const;

/** Every member that clients need is there, and none of them is null. */
export function expectMembers(kind: keyof typeof REQUIRED, object: unknown): void {
  expect(object).toBeTypeOf('object');
  const members = new Map(Object.entries(object ?? {}));
  const missing = REQUIRED[kind].filter((name) => members.get(name) === undefined || members.get(name) === null);
  expect({ kind, missing }).toEqual({ kind, missing: [] });
}

type Answer = Awaited<ReturnType<TestStack['call']>>;

/** 200, as every success of the contract. */
export function expectOk(answer: Answer): Answer['body'] {
  expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  return answer.body;
}

/** An error of the framework: before the application, without the header. */
export function expectSchemaError(answer: Answer, name: string): void {
  expect([answer.status, answer.headers.get('goa-error'), answer.body]).toEqual([
    400,
    null,
    {
      name,
      id: expect.stringMatching(/^.{8}$/),
      message: expect.stringMatching(/./),
      temporary: false,
      timeout: false,
      fault: false,
    },
  ]);
}

/** Every timestamp in a body is RFC 3339 with whole seconds, and no member is null. */
export function expectPlainValues(body: unknown): void {
  const text = JSON.stringify(body);
  const stamps = [...text.matchAll(/"(?:[a-z_]+_at|timestamp)":"([^"]*)"/g)].map(([, stamp]) => stamp);
  for (const stamp of stamps) expect(stamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(text).not.toContain(':null');
}
