import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../domain/failures.ts';
import type { Tombstone } from '../../domain/services.ts';
import { writePrivateFile } from '../../platform/files/write-private-file.ts';
import { launchSchema, readRecord } from '../../platform/runtime/launch-record.ts';
import type { ServiceLaunch } from '../../platform/runtime/service-runtime.ts';

/** What this host remembers on its own disk: which instances must run here, and which must not. No secrets. */
export interface InstanceRecords {
  /** Directory of the instance's configuration and secret files. */
  configurationDirectory(instanceId: string): string;
  /** The instance that must run here under this id. */
  read(instanceId: string): Promise<ServiceLaunch | undefined>;
  list(): Promise<ServiceLaunch[]>;
  write(launch: ServiceLaunch): Promise<void>;
  /** Removes the record and every file of the instance. */
  forget(instanceId: string): Promise<void>;
  /** The newest removal of this instance id. */
  tombstone(instanceId: string): Promise<Tombstone | undefined>;
  tombstones(): Promise<Tombstone[]>;
  /** Remembers a removal, unless a newer one is known. */
  bury(tombstone: Tombstone): Promise<void>;
  /** Forgets removals that no task can be late for any more. */
  pruneTombstones(now: Date): Promise<void>;
}

/** Tasks end within hours. */
const TOMBSTONE_KEPT_MS = 7 * 24 * 3_600_000;
const RECORD_FILE = 'instance.json';
const INSTANCE_ID = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

const tombstoneSchema = z.object({
  instanceId: z.string(),
  databaseId: z.string(),
  taskId: z.string(),
  epoch: z.number().int(),
}) satisfies z.ZodType<Tombstone>;

/** Directory with one directory per instance: `conf` (what PostgREST sees), `instance.json`, and what the runtime keeps. */
export function servicesDirectory(dataDir: string): string {
  return join(dataDir, 'services');
}

export function createInstanceRecords(dataDir: string): InstanceRecords {
  const services = servicesDirectory(dataDir);
  const removed = join(dataDir, 'removed');
  const directoryOf = (instanceId: string) => join(services, checked(instanceId));
  const tombstoneFile = (instanceId: string) => join(removed, `${checked(instanceId)}.json`);

  const read = (instanceId: string) => readRecord(join(directoryOf(instanceId), RECORD_FILE), launchSchema);
  const tombstone = (instanceId: string) => readRecord(tombstoneFile(instanceId), tombstoneSchema);

  return {
    configurationDirectory: (instanceId) => join(directoryOf(instanceId), 'conf'),
    read,
    async list() {
      const names = await entries(services);
      return defined(await Promise.all(names.filter((name) => INSTANCE_ID.test(name)).map(read)));
    },
    async write(launch) {
      const directory = directoryOf(launch.instanceId);
      // The service's user passes through, and sees only what belongs to it.
      await mkdir(directory, { recursive: true, mode: 0o711 });
      await writePrivateFile(join(directory, RECORD_FILE), JSON.stringify(launch));
    },
    forget: (instanceId) => rm(directoryOf(instanceId), { recursive: true, force: true }),
    tombstone,
    async tombstones() {
      const ids = (await entries(removed)).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -5)] : []));
      return defined(await Promise.all(ids.map(tombstone)));
    },
    async bury(wanted) {
      const known = await tombstone(wanted.instanceId);
      if (known !== undefined && known.epoch >= wanted.epoch) return;
      await mkdir(removed, { recursive: true, mode: 0o700 });
      await writePrivateFile(tombstoneFile(wanted.instanceId), JSON.stringify(tombstoneSchema.parse(wanted)));
    },
    async pruneTombstones(now) {
      for (const name of await entries(removed)) {
        const file = join(removed, name);
        const { mtimeMs } = await stat(file);
        if (now.getTime() - mtimeMs > TOMBSTONE_KEPT_MS) await rm(file);
      }
    },
  };
}

/** Instance ids become parts of paths. */
function checked(instanceId: string): string {
  if (INSTANCE_ID.test(instanceId)) return instanceId;
  throw new Failure('InvalidSpec', `${JSON.stringify(instanceId)} is not an instance id`);
}

async function entries(directory: string): Promise<string[]> {
  return await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

function defined<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value): value is T => value !== undefined);
}
