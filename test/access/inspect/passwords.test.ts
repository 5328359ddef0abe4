import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { SubmittedPassword } from '../../../domain/access/document.ts';
import { scramVerifier } from '../../../platform/scram/verifier.ts';
import { unchangedPasswords } from '../../../platform/target/catalog/passwords.ts';
import { onEachMajor } from './on-each-major.ts';

const password = (text: string): SubmittedPassword => ({ kind: 'password', password: text });
const verifier = (text: string): SubmittedPassword => ({ kind: 'verifier', verifier: text });

onEachMajor('unchanged passwords', (server, major) => {
  test('a password is unchanged when the stored verifier was made from it, whoever made that', async () => {
    const ours = await scramVerifier({ password: 'pässword one', iterations: 4_096 });
    await server().query(`
      CREATE ROLE by_server PASSWORD 'one'; CREATE ROLE by_us PASSWORD '${ours}'; CREATE ROLE other PASSWORD 'two';
      CREATE ROLE without; SET password_encryption = 'md5'; CREATE ROLE by_md5 PASSWORD 'one'`);
    const submitted = new Map([
      ['by_server', password('one')],
      ['by_us', password('pässword one')],
      ['other', password('one')],
      ['without', password('one')],
      ['by_md5', password('one')],
      ['absent', password('one')],
    ]);
    const { readable, unchanged } = await unchangedPasswords(await server().session(), submitted);
    expect(readable).toBe(true);
    expect([...unchanged].sort()).toEqual(['by_server', 'by_us']);
  });

  test('a verifier is unchanged only when it is the stored one, byte for byte', async () => {
    const stored = await scramVerifier({ password: 'one', iterations: 4_096 });
    const again = await scramVerifier({ password: 'one', iterations: 4_096 });
    await server().query(`CREATE ROLE same PASSWORD '${stored}'; CREATE ROLE resalted PASSWORD '${stored}'`);
    const submitted = new Map([
      ['same', verifier(stored)],
      ['resalted', verifier(again)],
    ]);
    const { unchanged } = await unchangedPasswords(await server().session(), submitted);
    expect([...unchanged]).toEqual(['same']);
  });

  test('a password made with other iterations than the server asks for counts as changed', async () => {
    const [few, many] = await Promise.all(
      [4_096, 5_000].map((iterations) => scramVerifier({ password: 'one', iterations })),
    );
    await server().query(`CREATE ROLE few PASSWORD '${few}'; CREATE ROLE many PASSWORD '${many}'`);
    const submitted = new Map([
      ['few', password('one')],
      ['many', password('one')],
    ]);
    const client = await server().session();
    expect([...(await unchangedPasswords(client, submitted)).unchanged]).toEqual(['few']);
    if (major < 16) return;
    await client.query('SET scram_iterations = 5000');
    expect([...(await unchangedPasswords(client, submitted)).unchanged]).toEqual(['many']);
  });

  test('a verifier that would take hours to compare with is not compared', async () => {
    const [salt, key] = [randomBytes(16), randomBytes(32)].map((bytes) => bytes.toString('base64'));
    // Put there directly: the server itself takes that long over CREATE ROLE, to see whether the password is empty.
    await server().query(`CREATE ROLE slow;
      UPDATE pg_authid SET rolpassword = 'SCRAM-SHA-256$2147483647:${salt}$${key}:${key}' WHERE rolname = 'slow'`);
    const { unchanged } = await unchangedPasswords(await server().session(), new Map([['slow', password('one')]]));
    expect([...unchanged]).toEqual([]);
  });

  test('an admin who may not read verifiers is told so, and nothing counts as unchanged', async () => {
    await server().query(`CREATE ROLE hidden PASSWORD 'one'`);
    const { readable, unchanged } = await unchangedPasswords(
      await server().session({ as: 'limited' }),
      new Map([['hidden', password('one')]]),
    );
    expect(readable).toBe(false);
    expect([...unchanged]).toEqual([]);
  });

  test('whether verifiers can be read is told without any password', async () => {
    const asked = ['superuser', 'limited'] as const;
    const answers = await Promise.all(
      asked.map(async (as) => unchangedPasswords(await server().session({ as }), new Map())),
    );
    expect(answers.map(({ readable }) => readable)).toEqual([true, false]);
  });
});
