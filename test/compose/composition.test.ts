/** The composition of docker-compose.yml as docs/containers.md tells to use it, with images made on this machine. */
import { readFile, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rest, signToken } from '../e2e/support/rest.ts';
import { until } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { type Composition, makeComposition, servicesBelow } from './support/composition.ts';
import { leftOf, userOf } from './support/containers.ts';

/** From nothing: images are made within it, on a machine that has none. */
const PREPARED_BOUND_MS = 40 * 60_000;
/** A whole start of eight containers, or several of them again. */
const START_BOUND_MS = 10 * 60_000;
const TASK_BOUND_MS = 3 * 60_000;

const JWT_SECRET = 'a-secret-key-of-at-least-32-characters';
const WIDGET = { id: 1, name: 'Widget' };
/** Owner and user of the service are two roles: on PostgreSQL 15, which Debian 12 has, one that is both may not create in `public`. */
const usersOf = (id: string) => [
  { username: `${id}_owner`, password: 'changeme', db_owner: true, attributes: ['LOGIN'] },
  { username: `${id}_app`, password: 'changeme', db_owner: false, attributes: ['LOGIN'] },
];
const scriptsOf = (id: string) => ({
  post_database_create: [
    'CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL)',
    "INSERT INTO products VALUES (1, 'Widget')",
    `GRANT SELECT, INSERT ON products TO ${id}_app`,
  ],
});

describe('the composition', { timeout: START_BOUND_MS }, () => {
  let composition: Composition;

  beforeAll(async () => {
    composition = await makeComposition();
  }, PREPARED_BOUND_MS);
  afterAll(() => composition?.remove(), START_BOUND_MS);

  const request = (id: string, port: number, config = {}) => {
    const { spec } = seedRequest({ id, user: `${id}_app`, port, config, scripts: scriptsOf(id) });
    return { id, spec: { ...spec, database_users: usersOf(id) } };
  };
  const databaseIs = (id: string, state: string) =>
    until(async () => {
      const { body } = await composition.call('GET', `/v1/databases/${id}`);
      if (body?.state === 'failed') {
        const { body: tasks } = await composition.call('GET', `/v1/databases/${id}/tasks`);
        throw new Error(`database ${id} failed: ${JSON.stringify(tasks)}`);
      }
      return body?.state === state ? true : undefined;
    }, TASK_BOUND_MS);
  const token = () => signToken({ role: 'storefront_app', exp: Math.floor(Date.now() / 1000) + 600 }, JWT_SECRET);

  it('is not started without the secrets that one command makes, and that are nobody else’s to read', async () => {
    await expect(composition.compose('config -q')).rejects.toThrow('run pgsteward compose-init first');
    await composition.follow('compose-init');
    const secrets = `${composition.directory}/.compose/secrets`;
    const before = await readFile(`${secrets}/target-password`, 'utf8');
    expect(before.trim()).toMatch(/^[\w-]{32}$/);
    expect((await stat(`${secrets}/target-password`)).mode & 0o777).toBe(0o600);
    // Again: nothing is made anew.
    await composition.follow('compose-init');
    expect(await readFile(`${secrets}/target-password`, 'utf8')).toBe(before);
    expect((await readFile(`${composition.directory}/.env`, 'utf8')).match(/^PGSTEWARD_UID=/gm)).toHaveLength(1);
  });

  it('becomes healthy as a whole, and makes Temporal’s schemas and namespace by itself', async () => {
    await composition.compose('up --detach');
    await composition.healthy();
    const connection = await Connection.connect({ address: `127.0.0.1:${composition.ports.TEMPORAL_PORT}` });
    try {
      const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
      expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(7 * 86_400);
    } finally {
      await connection.close();
    }
  });

  it('runs no container as root', async () => {
    for (const container of await composition.containers()) {
      expect(await userOf(container), container.Name).not.toBe(0);
      expect(container.HostConfig.CapDrop, container.Name).toEqual(['ALL']);
    }
  });

  it('gives the engine’s socket and the network of the machine to whom they are for', async () => {
    const containers = await composition.containers();
    const service = ({ Config }: { Config: { Labels: Record<string, string> } }) =>
      Config.Labels['com.docker.compose.service'];
    const withSocket = containers.filter(({ Mounts }) => Mounts.some(({ Source }) => Source.endsWith('docker.sock')));
    expect(withSocket.map(service)).toEqual(['host']);
    const withSealKeyring = containers.filter(({ Mounts }) =>
      Mounts.some(({ Destination }) => Destination === '/run/secrets/seal-keyring'),
    );
    expect(withSealKeyring.map(service).sort()).toEqual(['api', 'worker']);
    const bindings = containers.flatMap(({ HostConfig }) => Object.values(HostConfig.PortBindings ?? {}).flat());
    expect(new Set((bindings as { HostIp: string }[]).map(({ HostIp }) => HostIp))).toEqual(new Set(['127.0.0.1']));
  });

  it('answers nobody without a token, and the first administrator with the one from its volume', async () => {
    const response = await fetch(`http://127.0.0.1:${composition.ports.API_PORT}/v1/databases`);
    expect(response.status).toBe(401);
    // Unknown while the worker has no time to ask.
    await until(async () => {
      const { hosts } = JSON.parse(await composition.follow('127.0.0.1:3000/v1/hosts')) as {
        hosts: { id: string; status: { state: string } }[];
      };
      expect(hosts.map(({ id }) => id)).toEqual(['host-1']);
      return hosts[0]?.status.state === 'healthy' ? true : undefined;
    }, TASK_BOUND_MS);
  });

  it('makes a database with users and a PostgREST service over the playing server', async () => {
    expect(await composition.follow('servers add target')).toContain('target');
    const body = request('storefront', composition.servicePort, { jwt_secret: JWT_SECRET });
    expect(await composition.call('POST', '/v1/databases', body)).toMatchObject({ status: 200 });
    await databaseIs('storefront', 'available');
    expect(await rest(composition.servicePort, '/products')).toMatchObject({ status: 200, body: [WIDGET] });
    const added = { id: 2, name: 'Gadget' };
    const written = await rest(composition.servicePort, '/products', { token: token(), json: added });
    expect(written.status).toBe(201);
    expect((await rest(composition.servicePort, '/products')).body).toEqual([WIDGET, added]);
  });

  it('changes it while it runs', async () => {
    const { spec } = request('storefront', composition.servicePort, { jwt_secret: JWT_SECRET, max_rows: 1 });
    const { scripts: _once, ...changed } = spec;
    expect(await composition.call('POST', '/v1/databases/storefront', { spec: changed })).toMatchObject({
      status: 200,
    });
    await databaseIs('storefront', 'available');
    expect((await rest(composition.servicePort, '/products')).body).toEqual([WIDGET]);
  });

  it('makes users by environment', async () => {
    const entry = { env: 'dev', db_name: 'storefront', hostname: composition.targetAddress, port: 5432 };
    expect(await composition.call('POST', '/api/v1/registry', entry)).toMatchObject({ status: 201 });
    const query = 'env=dev&database=storefront&servername=web01&port=8080';
    expect(await composition.call('GET', `/api/v1/users/app?${query}`)).toMatchObject({
      status: 200,
      body: { username: 'web01_8080', status: 'user created', password: expect.any(String) },
    });
  });

  it('shows no secret to whoever inspects its containers or those of services', async () => {
    const containers = [...(await composition.containers()), ...(await servicesBelow(composition.directory))];
    expect(containers).toHaveLength(9);
    const shown = JSON.stringify(containers);
    for (const secret of [...(await composition.secrets()), JWT_SECRET, 'changeme']) {
      expect(secret.length).toBeGreaterThanOrEqual(8);
      expect(shown.includes(secret)).toBe(false);
    }
  });

  it('serves Temporal’s UI, and decrypts payloads for its pages only', async () => {
    const { TEMPORAL_UI_PORT, TEMPORAL_PORT, CODEC_PORT } = composition.ports;
    const ui = await fetch(`http://127.0.0.1:${TEMPORAL_UI_PORT}/api/v1/settings`);
    expect(await ui.json()).toMatchObject({ Codec: { Endpoint: `http://127.0.0.1:${CODEC_PORT}` } });

    const connection = await Connection.connect({ address: `127.0.0.1:${TEMPORAL_PORT}` });
    try {
      const client = new Client({ connection });
      const runs = client.workflow.list({ query: `PgDatabase = 'storefront'` })[Symbol.asyncIterator]();
      const { value: run } = await runs.next();
      const history = await client.workflow.getHandle(run?.workflowId ?? '').fetchHistory();
      const payload = history.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
      const encode = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('base64');
      const metadata = Object.entries(payload?.metadata ?? {}).map(([name, value]) => [name, encode(value)]);
      const body = JSON.stringify({
        payloads: [{ metadata: Object.fromEntries(metadata), data: encode(payload?.data) }],
      });
      const decode = (headers: Record<string, string>) =>
        fetch(`http://127.0.0.1:${CODEC_PORT}/decode`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-namespace': 'default', ...headers },
          body,
        });
      const decoded = await decode({ origin: `http://127.0.0.1:${TEMPORAL_UI_PORT}` });
      expect(decoded.status).toBe(200);
      const { payloads } = (await decoded.json()) as { payloads: { data: string }[] };
      expect(Buffer.from(payloads[0]?.data ?? '', 'base64').toString()).toContain('taskId');
      for (const headers of [{}, { origin: `http://127.0.0.1:${TEMPORAL_PORT}` }, { origin: 'http://example.com' }]) {
        const refused = await decode(headers);
        expect(refused.status).toBe(403);
        expect(refused.headers.get('access-control-allow-origin')).toBeNull();
      }
    } finally {
      await connection.close();
    }
  });

  it('finishes what was under way when API, worker and host were killed, and starts them again', async () => {
    const restarts = async (service: string) => (await composition.container(service)).RestartCount;
    const body = request('killed', composition.servicePort + 2);
    expect(await composition.call('POST', '/v1/databases', body)).toMatchObject({ status: 200 });
    for (const service of ['worker', 'host', 'api']) {
      const { State } = await composition.container(service);
      // As the kernel does when memory runs out: the engine hears of it afterwards.
      process.kill(State.Pid, 'SIGKILL');
    }
    for (const service of ['worker', 'host', 'api']) {
      await until(async () => ((await restarts(service)) > 0 ? true : undefined), TASK_BOUND_MS);
    }
    await composition.healthy();
    await databaseIs('killed', 'available');
    expect((await rest(composition.servicePort + 2, '/products')).body).toEqual([WIDGET]);
    expect((await rest(composition.servicePort, '/products')).body).toEqual([WIDGET]);
  });

  it('keeps everything from a down to the next up, and services answer meanwhile', async () => {
    await composition.compose('down');
    expect(await composition.containers()).toEqual([]);
    expect((await rest(composition.servicePort, '/')).status).toBeGreaterThanOrEqual(200);
    await composition.compose('up --detach');
    await composition.healthy();
    const { body } = await composition.call('GET', '/v1/databases');
    expect(body.databases.map(({ id }: { id: string }) => id).sort()).toEqual(['killed', 'storefront']);
    await until(async () => {
      const answer = await rest(composition.servicePort, '/products').catch(() => undefined);
      return answer?.status === 200 ? true : undefined;
    }, TASK_BOUND_MS);
    expect((await rest(composition.servicePort, '/products')).body).toEqual([WIDGET]);
  });

  it('goes on with the image of another release: what is under way is finished, and services answer meanwhile', async () => {
    const image = await composition.nextImage();
    expect(
      await composition.call('POST', '/v1/databases', request('upgraded', composition.servicePort + 4)),
    ).toMatchObject({ status: 200 });
    const upgrading = { done: false };
    const answers = (async () => {
      const statuses: number[] = [];
      while (!upgrading.done) {
        statuses.push((await rest(composition.servicePort, '/products')).status);
        await delay(50);
      }
      return statuses;
    })();
    try {
      await composition.compose('up --detach');
      await composition.healthy();
      await databaseIs('upgraded', 'available');
    } finally {
      upgrading.done = true;
    }
    expect(new Set(await answers)).toEqual(new Set([200]));
    for (const service of ['api', 'worker', 'host', 'codec']) {
      expect((await composition.container(service)).Image, service).toBe(image);
    }
    expect((await rest(composition.servicePort + 4, '/products')).body).toEqual([WIDGET]);
  });

  it('reads stored secrets with a new seal key beside the old one', async () => {
    await composition.follow('keys rotate seal');
    await composition.healthy();
    const said = await composition.compose('exec -T worker pgsteward keys reseal');
    expect(said).toContain('sealed');
    const { spec } = request('storefront', composition.servicePort, { jwt_secret: JWT_SECRET });
    const { scripts: _once, ...changed } = spec;
    expect(await composition.call('POST', '/v1/databases/storefront', { spec: changed })).toMatchObject({
      status: 200,
    });
    await databaseIs('storefront', 'available');
  });

  it('leaves nothing when its databases were deleted and its volumes with it', async () => {
    for (const id of ['storefront', 'killed', 'upgraded']) {
      expect(await composition.call('DELETE', `/v1/databases/${id}`)).toMatchObject({ status: 200 });
      await until(async () => {
        const { status } = await composition.call('GET', `/v1/databases/${id}`);
        return status === 404 ? true : undefined;
      }, TASK_BOUND_MS);
    }
    await composition.follow('down --volumes');
    expect(await leftOf(composition.project)).toEqual([]);
    expect(await servicesBelow(composition.directory)).toEqual([]);
  });
});
