/** One container with everything, as docs/containers.md starts it. */
import { randomBytes } from 'node:crypto';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rest, signToken } from '../e2e/support/rest.ts';
import { until } from '../support/follow.ts';
import { freePort, servicePortRange } from '../support/ports.ts';
import { seedRequest } from '../support/specs.ts';
import { localImages } from './support/images.ts';
import { commands } from './support/page.ts';
import { shell } from './support/run.ts';

const PREPARED_BOUND_MS = 40 * 60_000;
/** Two PostgreSQL servers are made within it, on loaded cores. */
const START_BOUND_MS = 5 * 60_000;
const JWT_SECRET = 'a-secret-key-of-at-least-32-characters';
const SCRIPTS = { post_database_create: ['CREATE TABLE products (id int)', 'INSERT INTO products VALUES (1)'] };

describe('docker run … dev', { timeout: 2 * START_BOUND_MS }, () => {
  const docker = new Docker();
  const name = `pgst-dev-${randomBytes(4).toString('hex')}`;
  let apiPort: number;
  let uiPort: number;
  let servicePort: number;
  let here: (text: string) => string;
  let apiUrl: string;

  beforeAll(async () => {
    const { PGSTEWARD_IMAGE } = await localImages();
    [apiPort, uiPort] = [await freePort(), await freePort()];
    servicePort = (await servicePortRange()).first;
    apiUrl = `http://127.0.0.1:${apiPort}`;
    here = (text) =>
      text
        .replace('127.0.0.1:3000:3000', `127.0.0.1:${apiPort}:3000`)
        .replace('127.0.0.1:8233-8234:8233-8234', `127.0.0.1:${uiPort}:8233`)
        .replace('127.0.0.1:3100-3101:3100-3101', `127.0.0.1:${servicePort}-${servicePort + 1}:3100-3101`)
        .replace('127.0.0.1:3000/', `127.0.0.1:${apiPort}/`)
        .replace('--name pgsteward', `--name ${name}`)
        .replace('--volume pgsteward:', `--volume ${name}:`)
        .replace('exec pgsteward', `exec ${name}`)
        .replace(/^ {2}pgsteward dev/m, `  ${PGSTEWARD_IMAGE} dev`);
  }, PREPARED_BOUND_MS);
  afterAll(async () => {
    await docker
      .getContainer(name)
      .remove({ force: true })
      .catch(() => undefined);
    await docker
      .getVolume(name)
      .remove()
      .catch(() => undefined);
  }, START_BOUND_MS);

  async function ready(): Promise<void> {
    await until(async () => {
      const log = await docker.getContainer(name).logs({ stdout: true, stderr: true });
      const { State } = await docker.getContainer(name).inspect();
      if (!State.Running) throw new Error(`it ended:\n${log}`);
      return log.includes('Ctrl-C stops everything') ? true : undefined;
    }, START_BOUND_MS);
  }

  async function call(method: string, path: string, body?: unknown) {
    const token = (await shell(`docker exec ${name} cat /var/lib/pgsteward/admin-token`)).trim();
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as { state?: string } };
  }

  async function rows(): Promise<unknown> {
    const { answer } = await until(async () => {
      const given = await rest(servicePort, '/products').catch(() => undefined);
      return given?.status === 200 ? { answer: given.body as unknown } : undefined;
    }, START_BOUND_MS);
    return answer;
  }

  it('is the whole of it, reached by published ports', async () => {
    await shell(here(commands('pgsteward dev')));
    await ready();
    expect(JSON.parse(await shell(here(commands('docker exec pgsteward cat'))))).toMatchObject({ databases: [] });
    expect((await fetch(`http://127.0.0.1:${uiPort}/`)).status).toBe(200);
    expect((await fetch(`${apiUrl}/v1/databases`)).status).toBe(401);
  });

  it('makes a database whose service is reached from outside', async () => {
    const config = { jwt_secret: JWT_SECRET };
    expect(await call('POST', '/v1/databases', seedRequest({ port: 3100, config, scripts: SCRIPTS }))).toMatchObject({
      status: 200,
    });
    await until(async () => {
      const { body } = await call('GET', '/v1/databases/storefront');
      if (body.state === 'failed') throw new Error(JSON.stringify(body));
      return body.state === 'available' ? true : undefined;
    }, START_BOUND_MS);
    expect(await rows()).toEqual([{ id: 1 }]);
    const token = signToken({ role: 'app', exp: Math.floor(Date.now() / 1000) + 600 }, JWT_SECRET);
    expect((await rest(servicePort, '/products', { token, json: { id: 2 } })).status).toBe(201);
    expect((await rest(servicePort + 1, '/notify-reload', { method: 'POST' })).status).toBe(200);
  });

  it('runs as nobody in particular and leaves no process behind that has ended', async () => {
    const { Processes, Titles } = await docker.getContainer(name).top({ ps_args: '-eo pid,uid,stat' });
    expect(Titles).toEqual(['PID', 'UID', 'STAT']);
    expect(new Set(Processes.map(([, uid]: string[]) => uid))).toEqual(new Set(['10001']));
    expect(Processes.filter(([, , state]: string[]) => state?.startsWith('Z'))).toEqual([]);
  });

  it('ends in order when it is stopped, and goes on with its state when it is started again', async () => {
    await shell(`docker stop --time 60 ${name}`);
    expect((await docker.getContainer(name).inspect()).State.ExitCode).toBe(0);
    await shell(`docker rm ${name}`);
    await shell(here(commands('pgsteward dev')));
    await ready();
    expect(await rows()).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('goes on with its state when it was killed', async () => {
    const { State } = await docker.getContainer(name).inspect();
    process.kill(State.Pid, 'SIGKILL');
    await until(async () => ((await docker.getContainer(name).inspect()).State.Running ? undefined : true));
    await shell(`docker start ${name}`);
    await until(async () => {
      const { status } = await call('GET', '/v1/databases/storefront').catch(() => ({ status: 0 }));
      return status === 200 ? true : undefined;
    }, START_BOUND_MS);
    expect(await rows()).toEqual([{ id: 1 }, { id: 2 }]);
  });
});
