import { afterEach, expect, test, vi } from 'vitest';
import { createMetadataPool } from '../../../store/connection.ts';

afterEach(() => vi.unstubAllEnvs());

test('what the environment says of connections of libpq does not count for the metadata database', async () => {
  vi.stubEnv('PGSSLMODE', 'verify-full');
  const pool = createMetadataPool({ host: '127.0.0.1', port: 5432, database: 'x', user: 'x', password: 'x' });
  expect(pool.options.ssl).toBe(false);
  await pool.end();
});
