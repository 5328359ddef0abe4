import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { type Engine, startEngine } from './support/engine.ts';

const NAME = 'plain';
const PASSWORD = 'c4nary in plain text';
const CASES = testMajors().map((major) => ({ major }));

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

describe.each(CASES)('PostgreSQL $major, where an administrator allows plain text', ({ major }) => {
  let server: VersionedServer;
  const name = `${NAME}-${major}`;

  beforeAll(async () => {
    server = await startServerOf(major, { settings: { password_encryption: 'scram-sha-256' } });
    await engine.register(name, server, 'superuser', { allow_plain_text_passwords: true });
  });
  afterAll(() => server.stop());

  test('a password is hashed by the server itself, proven by a login, audited, and in no log', async () => {
    const { status, body } = await engine.stack.call('PUT', `/v1/servers/${name}/roles/plain_one`, {
      login: true,
      password: PASSWORD,
    });
    expect(status, body.message).toBe(200);
    expect(body).toMatchObject({ password_set: true, login: { proven: true } });
    const task = await engine.applied(name, { roles: [{ name: 'plain_two', login: true, password: PASSWORD }] });
    expect(task.result).toMatchObject({ passwords_in_plain_text: ['plain_two'], logins: [{ proof: 'proven' }] });
    const { rows } = await engine.stack.control.db.query<{ roles: string[] }>(
      `SELECT detail -> 'passwords_in_plain_text' AS roles FROM audit_log
       WHERE resource = $1 AND kind = 'outcome' AND task_id IS NOT NULL ORDER BY id`,
      [`server/${name}`],
    );
    expect(rows.map(({ roles }) => roles)).toEqual([['plain_one'], ['plain_two']]);
    expect((await server.log()).includes(PASSWORD)).toBe(false);
    expect((await engine.stack.log()).includes(PASSWORD)).toBe(false);
  });
});
