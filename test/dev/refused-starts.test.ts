import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Installation, makeInstallation } from './support/npm-start.ts';
import { killProcessesBelow } from './support/processes.ts';

describe('npm start', () => {
  let installation: Installation;

  beforeAll(async () => {
    installation = await makeInstallation();
  });
  afterAll(async () => {
    await killProcessesBelow(installation.home);
    await installation.remove();
  });

  it('names every variable that is wrong, and starts nothing', async () => {
    const wrong = await makeInstallation({ PGSTEWARD_PORT: 'many', PGSTEWARD_RUNTIME: 'vm' });
    const started = wrong.start();
    expect(await started.ended()).toEqual({ code: 1 });
    expect(started.output()).toContain('PGSTEWARD_PORT: must be a whole number');
    expect(started.output()).toContain('PGSTEWARD_RUNTIME: must be auto, docker or process');
    expect(await wrong.processes()).toEqual([]);
    await wrong.remove();
  });

  it('names every port of its own that is taken, each with the variable that moves it', async () => {
    const { PGSTEWARD_PORT, PGSTEWARD_CODEC_PORT } = installation.ports;
    const output = await startWithTaken(installation, [PGSTEWARD_PORT, PGSTEWARD_CODEC_PORT]);
    expect(output).toMatch(new RegExp(`port ${PGSTEWARD_PORT} is in use .*PGSTEWARD_PORT`));
    expect(output).toMatch(new RegExp(`port ${PGSTEWARD_CODEC_PORT} is in use .*PGSTEWARD_CODEC_PORT`));
  });

  it('names the port of a server that is taken, and stops what it had started', async () => {
    const { PGSTEWARD_TEMPORAL_UI_PORT: port } = installation.ports;
    const output = await startWithTaken(installation, [port]);
    expect(output).toMatch(new RegExp(`port ${port} is in use .*PGSTEWARD_TEMPORAL_UI_PORT`));
    expect(await installation.processes()).toEqual([]);
  });

  it('stops what it has started when Ctrl-C comes during the start', async () => {
    const started = installation.start();
    await started.says('  metadata PostgreSQL ');
    const output = await started.interrupt();
    expect(output).toContain('SIGINT: stopping');
    expect(output).not.toContain('Ready after');
    expect(await installation.processes()).toEqual([]);
  });

  it('says what its commands are when it does not know the word', async () => {
    const started = installation.start(['nonsense']);
    expect(await started.ended()).toEqual({ code: 1 });
    expect(started.output()).toContain("unknown command 'nonsense'");
    expect(started.output()).toContain('--help says what there is');
  });
});

/** Starts while other programs listen on the ports; answers with what it printed before it gave up. */
async function startWithTaken(installation: Installation, ports: number[]): Promise<string> {
  const holders = await Promise.all(ports.map(listen));
  try {
    const started = installation.start();
    expect(await started.ended()).toEqual({ code: 1 });
    return started.output();
  } finally {
    for (const holder of holders) holder.close();
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer().listen({ host: '127.0.0.1', port });
  await once(server, 'listening');
  return server;
}
