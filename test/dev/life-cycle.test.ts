import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/follow.ts';
import { databaseIs, databaseIsGone, rowsOf } from './support/follow-api.ts';
import { type Installation, makeInstallation, type Started } from './support/npm-start.ts';
import { killProcessesBelow } from './support/processes.ts';
import { shell } from './support/shell.ts';

/** Fresh rows prove that it is the same database and not one made anew. */
const ROWS = [{ id: 1, name: 'Widget', price: 9.99 }];

describe('npm start', () => {
  let installation: Installation;
  let running: Started;
  let productsUrl: string;

  beforeAll(async () => {
    installation = await makeInstallation();
    productsUrl = `http://127.0.0.1:${installation.servicePort}/products`;
    running = installation.start();
  });
  afterAll(async () => {
    await running.interrupt().catch(() => undefined);
    await killProcessesBelow(installation.home);
    await installation.remove();
  });

  /** From here on `running` is that one, also when a test fails. */
  async function startAgain(): Promise<string> {
    running = installation.start();
    return running.ready();
  }

  it('says of each part when it is ready, then where everything is and what to do first', async () => {
    const output = await running.ready();
    const { apiUrl, ports } = installation;
    const lines = [
      `codec server             http://127.0.0.1:${ports.PGSTEWARD_CODEC_PORT}`,
      `metadata PostgreSQL      127.0.0.1:${ports.PGSTEWARD_METADATA_PORT}`,
      `target PostgreSQL        127.0.0.1:${ports.PGSTEWARD_TARGET_PORT}`,
      `Temporal                 127.0.0.1:${ports.PGSTEWARD_TEMPORAL_PORT}`,
      'control worker           takes work',
      'host worker host-1       takes work',
      `API                      ${apiUrl}`,
    ];
    for (const line of lines) expect(output).toContain(`\n  ${line}`);
    expect(output).toContain(`Temporal UI  http://127.0.0.1:${ports.PGSTEWARD_TEMPORAL_UI_PORT}`);
    expect(output).toContain(`curl -X POST ${apiUrl}/v1/databases`);
    const tokenFile = join(installation.home, 'admin-token');
    expect(output).toContain(`Admin token  ${tokenFile}, for /v1/servers`);
    expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
  });

  it('serves metrics on loopback, and says where', async () => {
    const [, url] = /\n {2}metrics +(http:\/\/127\.0\.0\.1:\d+\/metrics)/.exec(await running.ready()) ?? [];
    const text = await (await fetch(url ?? 'it did not say where')).text();
    expect(text).toContain('pgsteward_database_gauges_up{service="dev"} 1');
    expect(text).toContain('pgsteward_hosts{state="joined",service="dev"} 1');
  });

  it('shows the key for clients of the cluster API at the first start, and keeps it in a file', async () => {
    const key = (await readFile(join(installation.home, 'cbkey'), 'utf8')).trim();
    expect(running.output().split(key)).toHaveLength(2);
    const answer = await fetch(`${installation.apiUrl}/clusters`, { headers: { Authorization: `Bearer ${key}` } });
    expect(await answer.json()).toMatchObject({ clusters: [{ name: 'host-1' }] });
  });

  it('makes application and postgres with passwords that log in, as clients of the cluster API look for them', async () => {
    const headers = { Authorization: `Bearer ${(await readFile(join(installation.home, 'cbkey'), 'utf8')).trim()}` };
    const list = await fetch(`${installation.apiUrl}/clusters`, { headers });
    const { clusters } = (await list.json()) as { clusters: { id: string }[] };
    const ca = await readFile(join(installation.home, 'tls/ca/ca.crt'), 'utf8');
    for (const [name, superuser] of [
      ['postgres', 'on'],
      ['application', 'off'],
    ]) {
      const uri = await until(async () => {
        const answer = await fetch(`${installation.apiUrl}/clusters/${clusters[0]?.id}/roles/${name}`, { headers });
        return answer.status === 200 ? ((await answer.json()) as { uri: string }).uri : undefined;
      });
      const client = new pg.Client({ connectionString: uri, ssl: { ca } });
      await client.connect();
      const { rows } = await client.query(`SELECT current_user AS name, current_setting('is_superuser') AS superuser`);
      await client.end();
      expect(rows).toEqual([{ name, superuser }]);
    }
  });

  it('prints a first request that works as it is', async () => {
    const [, curl = ''] = /^(curl -X POST [\s\S]*?\n}')$/m.exec(running.output()) ?? [];
    await shell(curl.replace('"port": 3100', `"port": ${installation.servicePort}`));
    await databaseIs(installation.apiUrl, 'storefront', 'available');
    expect(await rowsOf(productsUrl)).toEqual(ROWS);
  });

  it('refuses a second start on the same state, naming the process that has it', async () => {
    const second = installation.start();
    expect(await second.ended()).toMatchObject({ code: 1 });
    expect(second.output()).toMatch(/pgsteward runs already with the state in .*state \(process \d+\)/);
    expect((await fetch(`${installation.apiUrl}/readyz`)).status).toBe(200);
  });

  it('stops everything in order at a Ctrl-C, and leaves no process behind', async () => {
    const output = await running.interrupt();
    const order = [...output.matchAll(/^ {2}(\S.*?) +stopped$/gm)].map(([, part]) => part);
    expect(order.slice(0, 3)).toEqual(['API', 'host worker host-1', 'control worker']);
    expect(order).toEqual(expect.arrayContaining(['Temporal', 'target PostgreSQL', 'metadata PostgreSQL']));
    expect(order.at(-1)).toBe('state directory');
    expect(await installation.processes()).toEqual([]);
    await expect(fetch(productsUrl)).rejects.toThrow();
  });

  it('brings data and services back', async () => {
    const output = await startAgain();
    expect(output).toContain('Databases: storefront');
    expect(output).not.toContain('cbkey_');
    expect(await rowsOf(productsUrl)).toEqual(ROWS);
  });

  it('adopts servers and services that a killed process left running', async () => {
    await running.kill();
    expect(await installation.processes()).not.toEqual([]);
    await startAgain();
    expect(await rowsOf(productsUrl)).toEqual(ROWS);
  });

  it('recovers by itself after kill -9 of everything', async () => {
    await running.kill();
    await killProcessesBelow(installation.home);
    await startAgain();
    expect(await rowsOf(productsUrl)).toEqual(ROWS);
    expect((await fetch(`${installation.apiUrl}/readyz`)).status).toBe(200);
  });

  it('leaves nothing behind when the database has been deleted', async () => {
    await shell(`curl -sf -X DELETE ${installation.apiUrl}/v1/databases/storefront`);
    await databaseIsGone(installation.apiUrl, 'storefront');
    await expect(fetch(productsUrl)).rejects.toThrow();
    await running.interrupt();
    expect(await installation.processes()).toEqual([]);
  });
});
