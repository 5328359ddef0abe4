import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import pg from 'pg';
import { findBundledBinary } from '../platform/runtime/bundled-binary.ts';

/** What cannot be saved: the same database and the same service, made by hand with nothing around it. */
export interface Floor {
  /** CREATE DATABASE over an open connection. */
  createDatabase(name: string): Promise<void>;
  dropDatabase(name: string): Promise<void>;
  /** Start of PostgREST (container created and started, or process spawned) until its first answer. */
  startService(name: string, port: number): Promise<void>;
  stopService(name: string): Promise<void>;
  /** The same service anew: told to stop and gone, then started until its first answer. */
  replaceService(name: string, port: number): Promise<void>;
  close(): Promise<void>;
}

/** Prepares the floor from the files of a service that is deployed already, so that both start the very same thing. */
export async function createFloor(of: {
  connection: pg.ClientConfig;
  runtime: 'docker' | 'process';
  /** Directory of a deployed instance's files. */
  template: string;
  image: string;
  directory: string;
}): Promise<Floor> {
  const pool = new pg.Pool({ ...of.connection, max: 4 });
  // The server is stopped with the stack, perhaps before the pool is closed.
  pool.on('error', () => undefined);
  const engine = of.runtime === 'docker' ? dockerEngine(of.image) : await processEngine();
  const owner = await stat(join(of.template, 'postgrest.conf'));
  const floor: Floor = {
    createDatabase: async (name) =>
      void (await pool.query(`CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE template0`)),
    dropDatabase: async (name) => void (await pool.query(`DROP DATABASE ${pg.escapeIdentifier(name)} WITH (FORCE)`)),
    async startService(name, port) {
      const directory = join(of.directory, name);
      await mkdir(directory, { recursive: true });
      await cp(of.template, directory, { recursive: true, preserveTimestamps: true });
      const conf = await readFile(join(of.template, 'postgrest.conf'), 'utf8');
      const seen = of.runtime === 'docker' ? conf : conf.replaceAll(of.template, directory);
      await writeFile(join(directory, 'postgrest.conf'), seen.replace(/^server-port = .*$/m, `server-port = ${port}`));
      await chownAll(directory, owner);
      await engine.start(name, directory);
      await firstAnswer(port);
    },
    async stopService(name) {
      await engine.stop(name);
      await rm(join(of.directory, name), { recursive: true, force: true });
    },
    async replaceService(name, port) {
      await engine.end(name);
      await floor.startService(name, port);
    },
    close: () => pool.end(),
  };
  return floor;
}

async function chownAll(directory: string, owner: { uid: number; gid: number }): Promise<void> {
  await chown(directory, owner.uid, owner.gid);
  for (const file of await readdir(directory)) await chown(join(directory, file), owner.uid, owner.gid);
}

async function firstAnswer(port: number): Promise<void> {
  const until = Date.now() + 30_000;
  for (;;) {
    const ok = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(1_000) }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
    if (ok) return;
    if (Date.now() > until) throw new Error(`PostgREST on port ${port} gave no answer`);
    await delay(3);
  }
}

interface Engine {
  start(name: string, directory: string): Promise<void>;
  stop(name: string): Promise<void>;
  /** Tells it to stop, and waits until it is gone. */
  end(name: string): Promise<void>;
}

function dockerEngine(image: string): Engine {
  const docker = new Docker();
  const nameOf = (name: string) => `pgsteward-bench-${process.pid}-${name}`;
  return {
    async start(name, directory) {
      const container = await docker.createContainer({
        name: nameOf(name),
        Image: image,
        Entrypoint: ['/bin/postgrest'],
        Cmd: ['/app/data/postgrest.conf'],
        User: '65532:65532',
        HostConfig: { NetworkMode: 'host', Binds: [`${directory}:/app/data:ro`] },
      });
      await container.start();
    },
    stop: (name) => docker.getContainer(nameOf(name)).remove({ force: true }),
    async end(name) {
      const container = docker.getContainer(nameOf(name));
      await container.stop({ t: 10 });
      await container.remove();
    },
  };
}

async function processEngine(): Promise<Engine> {
  const binary = await findBundledBinary();
  if (binary === undefined) throw new Error('there is no PostgREST binary for this platform');
  const running = new Map<string, ReturnType<typeof spawn>>();
  return {
    async start(name, directory) {
      const child = spawn(binary.path, [join(directory, 'postgrest.conf')], { stdio: 'ignore', env: {} });
      await once(child, 'spawn');
      running.set(name, child);
    },
    stop: (name) => kill(name, 'SIGKILL'),
    end: (name) => kill(name, 'SIGTERM'),
  };

  async function kill(name: string, signal: NodeJS.Signals): Promise<void> {
    const child = running.get(name);
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
    running.delete(name);
  }
}
