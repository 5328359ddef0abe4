import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startUsers, type UsersStack } from './support/users.ts';

let users: UsersStack;
let port: string;
beforeAll(async () => {
  users = await startUsers();
  await users.register({ env: 'dev', database: 'myapp_dev' });
  await users.register({ env: 'old', database: 'gone', active: false, create: false });
  port = String(users.stack.target.address.endpoints[0]?.port);
});
afterAll(() => users.stop());

const place = { env: 'dev', database: 'myapp_dev' };
const shown = () => ({ hostname: '127.0.0.1', database: 'myapp_dev', port, env: 'dev' });

describe('the published endpoints', () => {
  test.each([
    ['app', { servername: 'web01', port: '8080' }, 'web01_8080', 200, 'user created'],
    ['app-k8s', { env_prefix: 'dv', farmname: 'gearservice' }, 'dv_gearservice', 200, 'user created'],
    ['devqa', { username: 'tester01' }, 'tester01', 20, 'user created'],
    ['devlead', { username: 'lead01' }, 'lead01', 20, 'user created'],
    ['readonly', { username: 'analyst01' }, 'analyst01', 20, 'user created'],
    ['dba', { username: 'dba01' }, 'dba01', 20, 'dba user created'],
  ])('%s creates a user as published, once', async (kind, parameters, username, limit, status) => {
    const first = await users.get(`/users/${kind}`, { ...place, ...parameters });
    expect(first.body).toEqual({
      username,
      password: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
      status,
      ...shown(),
    });
    expect(first.status).toBe(200);
    expect(first.headers.get('Cache-Control')).toBe('no-store');
    const [row] = await users.as<{ path: string; who: string }>(
      { ...first.body },
      `SELECT current_setting('search_path') AS path, current_user AS who`,
    );
    expect(row).toEqual({ path: 'public', who: username });
    const [role] = await users.stack.target.query<{ limit: number }>(
      `SELECT rolconnlimit AS limit FROM pg_roles WHERE rolname = '${username}'`,
    );
    expect(role?.limit).toBe(limit);
    const again = await users.post(`/users/${kind}`, { ...place, ...parameters });
    expect(again).toMatchObject({
      status: 200,
      body: { username, password: null, status: 'user already exists', ...shown() },
    });
    await users.as({ ...first.body }, 'SELECT 1');
  });
});
