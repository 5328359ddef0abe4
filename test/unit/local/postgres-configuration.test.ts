import { expect, it } from 'vitest';
import { renderConfiguration, renderHostAccess } from '../../../platform/local/postgres-configuration.ts';

const base = { address: '127.0.0.1', port: 5432, tls: true, settings: {} };

it('a setting that is asked for wins over the one chosen here', () => {
  const text = renderConfiguration({ ...base, settings: { max_connections: '20' } });

  expect(text).toContain("max_connections = '20'");
  expect(text).not.toContain("max_connections = '200'");
});

it('quotes and backslashes in a setting reach the server as they are', () => {
  const text = renderConfiguration({ ...base, settings: { application_name: `it's \\ here` } });

  expect(text).toContain(`application_name = 'it''s \\\\ here'`);
});

it('a server with a certificate takes TLS connections only, and nobody without a password', () => {
  expect(renderConfiguration(base)).toContain("ssl = 'on'");
  expect(renderHostAccess({ tls: true })).toMatch(/^hostssl all all all scram-sha-256$/m);
  for (const tls of [true, false]) expect(renderHostAccess({ tls })).not.toMatch(/trust|peer|md5|^local/m);
});
