import { expect, test } from 'vitest';
import { renderPassfile } from '../../../domain/postgrest/passfile.ts';
import { renderConninfo } from '../../../domain/replication/conninfo.ts';
import { findPassword } from '../../../domain/replication/passfile.ts';

const query = { host: '10.0.0.1', port: 5432, database: 'replication', user: 'replicator' };

test('the first line of a password file that fits gives the password, escapes and comments as libpq has them', () => {
  const text = ['# a comment', '10.0.0.9:*:*:*:other', '*:5432:replication:replicator:a\\:b\\\\c', '*:*:*:*:late'].join(
    '\n',
  );
  expect(findPassword(text, query)).toBe('a:b\\c');
  expect(findPassword(text, { ...query, port: 1 })).toBe('late');
  expect(findPassword('10.0.0.9:*:*:*:other', query)).toBeUndefined();
  expect(findPassword('', query)).toBeUndefined();
});

test('IPv6 addresses and names with colons are found under their escaped form', () => {
  expect(findPassword('\\:\\:1:5432:replication:replicator:found', { ...query, host: '::1' })).toBe('found');
});

test('a file that is written here is read here', () => {
  const entry = { user: 're:pli\\cator', database: 'replication', password: 'p@ss:w\\ord' };
  expect(findPassword(renderPassfile(entry), { ...query, user: entry.user })).toBe(entry.password);
});

test('a connection string of a standby names the password file, quotes what libpq would misread, and holds no password', () => {
  const text = renderConninfo({
    address: 'fe80::1',
    port: 5433,
    user: "o'neil",
    passfile: '/srv/with blank/pass',
    sslMode: 'verify-full',
    rootCertificate: '/srv/ca.pem',
    applicationName: 'host-2',
  });
  expect(text).toContain(
    "host=fe80::1 port=5433 user='o\\'neil' passfile='/srv/with blank/pass' sslmode=verify-full sslrootcert=/srv/ca.pem",
  );
  expect(text).not.toMatch(/password=/);
});
