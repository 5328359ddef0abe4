import { afterAll, beforeAll, expect, test } from 'vitest';
import { findHost } from '../../store/hosts.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

let stack: TestStack;
let other: TestStack;

beforeAll(async () => {
  other = await startTestStack({ runtime: 'process', workers: false });
  stack = await startTestStack({
    runtime: 'process',
    moreHosts: { 'host-2': { PGSTEWARD_HOST_ADDRESSES: '127.0.0.2', PGSTEWARD_HOST_SERVER: 'late' } },
  });
});
afterAll(async () => {
  await stack?.stop();
  await other?.stop();
});

test('a host that names its server before it is registered gets it with the registration', async () => {
  expect(await findHost(stack.control.db, 'host-2')).toMatchObject({ serverName: null });
  const { endpoints, tls, adminUser, adminPassword } = other.target.address;
  const { status } = await stack.call('POST', '/v1/servers', {
    name: 'late',
    endpoints,
    tls: { mode: tls.mode, ca_certificate: tls.caCertificate },
    admin: { user: adminUser, password: adminPassword },
  });
  expect(status).toBe(201);
  expect(await findHost(stack.control.db, 'host-2')).toMatchObject({ serverName: 'late' });
  // A start of its worker keeps it.
  await stack.moreHosts.get('host-2')?.restart();
  expect(await findHost(stack.control.db, 'host-2')).toMatchObject({ serverName: 'late' });
});
