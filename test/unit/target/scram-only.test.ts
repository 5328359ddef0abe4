import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createTargetServer } from '../../../platform/target/target-server.ts';
import { authenticationRequest, startFakeServer, WELCOME } from './fake-server.ts';

const SALT = Buffer.from('salt');
const REQUESTS: [what: string, greeting: Buffer, words: RegExp][] = [
  ['the password in the clear', authenticationRequest(3), /in the clear/],
  ['an MD5 hash', authenticationRequest(5, SALT), /MD5/],
  ['nothing', WELCOME, /without authentication/],
];

const session = { applicationName: 'test', doing: 'testing' };
const md5 = (text: string) => createHash('md5').update(text, 'latin1').digest('hex');

describe('without verify-full, a server that asks for', () => {
  test.each(REQUESTS)('%s is refused and hears nothing', async (_what, greeting, words) => {
    const fake = await startFakeServer(greeting);
    const { adminUser, adminPassword } = fake.address;
    const server = createTargetServer(fake.address);
    try {
      const login = server.onMaintenance(session, (client) => client.query('SELECT 1'));
      await expect(login).rejects.toMatchObject({
        type: 'InsecureLogin',
        message: expect.stringMatching(words),
      });
      const hash = md5(md5(adminPassword + adminUser) + SALT.toString('latin1'));
      expect(fake.heard()).not.toContain(adminPassword);
      expect(fake.heard()).not.toContain(hash);
      // Neither a password message nor a query was sent.
      expect(fake.heard()).toBe('');
    } finally {
      await server.close();
      await fake.stop();
    }
  });
});

test('a server that speaks of SCRAM and then lets everybody in has proven nothing', async () => {
  const mechanisms = Buffer.from('SCRAM-SHA-256\0\0');
  const fake = await startFakeServer(authenticationRequest(10, mechanisms));
  const server = createTargetServer(fake.address);
  try {
    const login = server.onMaintenance(session, (client) => client.query('SELECT 1'));
    await expect(login).rejects.toMatchObject({ type: 'InsecureLogin' });
    expect(fake.heard()).not.toContain('SELECT');
  } finally {
    await server.close();
    await fake.stop();
  }
});

test('a request that the driver does not know ends the connection and not the process', async () => {
  const gssapi = 7;
  const fake = await startFakeServer(authenticationRequest(gssapi));
  const server = createTargetServer(fake.address);
  try {
    await expect(server.onMaintenance(session, (client) => client.query('SELECT 1'))).rejects.toMatchObject({
      type: 'ServerUnavailable',
      message: expect.stringMatching(/unexpected answer/),
    });
  } finally {
    await server.close();
    await fake.stop();
  }
});
