import type { ServiceBundle } from '../../../domain/services.ts';

/** A bundle with every required member; tests change what they are about. */
export const EXAMPLE_BUNDLE: ServiceBundle = {
  installationId: '019f6a00-0000-7000-8000-0000000000aa',
  instanceId: 'storefront-api-host-1',
  databaseId: 'storefront',
  serviceId: 'api',
  hostId: 'host-1',
  taskId: '019f6a00-0000-7000-8000-000000000001',
  epoch: 1,
  version: '12.0.2',
  address: '127.0.0.1',
  port: 3100,
  settings: { schemas: ['api'], anonymousRole: 'web_anon', pool: 10, maxRows: 1000, channel: 'pgst_storefront_api' },
  connection: {
    user: 'app',
    database: 'storefront',
    servers: [{ address: '127.0.0.1', port: 5432 }],
    targetSessionAttributes: 'read-write',
    sslMode: 'disable',
    applicationName: 'pgsteward:storefront-api-host-1',
  },
  secrets: { password: 'a password that no file but the password file holds' },
};
