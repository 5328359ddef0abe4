import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../domain/failures.ts';
import { UNIT_PATTERN, unitsOf } from '../../domain/services/units.ts';
import type { Tombstone } from '../../domain/services.ts';
import { writePrivateFile } from '../../platform/files/write-private-file.ts';
import { launchSchema, readRecord } from '../../platform/runtime/launch-record.ts';
import type { ServiceLaunch } from '../../platform/runtime/service-runtime.ts';
import { changeSchema, type ServiceChange } from './change/service-change.ts';

/**
 * Directories of a unit: `conf` is what its PostgREST sees, `previous` the files before a reload that is not final,
 * `candidate` files that are being written or checked, `staged` those of a change that is about to come.
 */
export type UnitDirectory = 'conf' | 'previous' | 'candidate' | 'staged';

/** What this host remembers on its own disk: which instances must run here, and which must not. No secrets. */
export interface InstanceRecords {
  /** Directory of configuration and secret files of a unit. */
  directory(unit: string, kind: UnitDirectory): string;
  /** The instance that must run here under this id. */
  read(instanceId: string): Promise<ServiceLaunch | undefined>;
  list(): Promise<ServiceLaunch[]>;
  /** Instances with a record or a change. */
  ids(): Promise<string[]>;
  write(launch: ServiceLaunch): Promise<void>;
  /** The change of this instance that is under way, or done and not yet final. */
  change(instanceId: string): Promise<ServiceChange | undefined>;
  writeChange(change: ServiceChange): Promise<void>;
  forgetChange(instanceId: string): Promise<void>;
  /** Removes the files of one unit; records of its instance stay. */
  forgetUnit(unit: string): Promise<void>;
  /** Removes the records and every file of the instance. */
  forget(instanceId: string): Promise<void>;
  /** The newest removal of this instance id, or undoing of a change. */
  tombstone(instanceId: string): Promise<Tombstone | undefined>;
  tombstones(): Promise<Tombstone[]>;
  /** Remembers a removal or an undoing, unless a newer one is known. Of the same epoch, removal counts more. */
  bury(tombstone: Tombstone): Promise<void>;
  /** Forgets removals that no task can be late for any more. */
  pruneTombstones(now: Date): Promise<void>;
}

/** Tasks end within hours. */
const TOMBSTONE_KEPT_MS = 7 * 24 * 3_600_000;
const RECORD_FILE = 'instance.json';
const CHANGE_FILE = 'change.json';
const UNIT_DIRECTORIES: readonly UnitDirectory[] = ['conf', 'previous', 'candidate', 'staged'];
const INSTANCE_ID = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

const tombstoneSchema = z.object({
  instanceId: z.string(),
  databaseId: z.string(),
  taskId: z.string(),
  epoch: z.number().int(),
  restore: z.literal(true).exactOptional(),
}) satisfies z.ZodType<Tombstone>;

/**
 * Directory with one directory per unit: {@link UnitDirectory}s and what the runtime keeps. That of the first slot has the
 * records of the instance beside: `instance.json`, and `change.json` while a change is not final.
 */
export function servicesDirectory(dataDir: string): string {
  return join(dataDir, 'services');
}

export function createInstanceRecords(dataDir: string): InstanceRecords {
  const services = servicesDirectory(dataDir);
  const removed = join(dataDir, 'removed');
  const directoryOf = (instanceId: string) => join(services, checked(instanceId, INSTANCE_ID, 'an instance id'));
  const unitDirectory = (unit: string) => join(services, checked(unit, UNIT_PATTERN, 'a unit id'));
  const directory = (unit: string, kind: UnitDirectory) => join(unitDirectory(unit), kind);
  const tombstoneFile = (instanceId: string) =>
    join(removed, `${checked(instanceId, INSTANCE_ID, 'an instance id')}.json`);

  const read = (instanceId: string) => readRecord(join(directoryOf(instanceId), RECORD_FILE), launchSchema);
  const change = (instanceId: string) => readRecord(join(directoryOf(instanceId), CHANGE_FILE), changeSchema);
  const directories = async () => (await entries(services)).filter((name) => INSTANCE_ID.test(name));
  const tombstone = (instanceId: string) => readRecord(tombstoneFile(instanceId), tombstoneSchema);

  /** Written for an instance whose first unit may have no directory yet. */
  async function writeRecord(instanceId: string, file: string, content: object): Promise<void> {
    // The service's user passes through, and sees only what belongs to it.
    await mkdir(directoryOf(instanceId), { recursive: true, mode: 0o711 });
    await writePrivateFile(join(directoryOf(instanceId), file), JSON.stringify(content));
  }

  return {
    directory,
    read,
    list: async () => defined(await Promise.all((await directories()).map(read))),
    async ids() {
      const found = (await directories()).map(async (id) => ((await read(id)) ?? (await change(id))) && id);
      return defined(await Promise.all(found));
    },
    write: (launch) => writeRecord(launch.instanceId, RECORD_FILE, launch),
    change,
    writeChange: (change) => writeRecord(change.next.instanceId, CHANGE_FILE, change),
    forgetChange: (instanceId) => rm(join(directoryOf(instanceId), CHANGE_FILE), { force: true }),
    async forgetUnit(unit) {
      if (INSTANCE_ID.test(unit)) await Promise.all(UNIT_DIRECTORIES.map((kind) => removeAll(directory(unit, kind))));
      else await removeAll(unitDirectory(unit));
    },
    async forget(instanceId) {
      const [first, ...others] = unitsOf(instanceId);
      // The one with the records goes last: until then, whatever is left is found again.
      for (const unit of [...others, first]) await removeAll(unitDirectory(unit));
    },
    tombstone,
    async tombstones() {
      const ids = (await entries(removed)).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -5)] : []));
      return defined(await Promise.all(ids.map(tombstone)));
    },
    async bury(wanted) {
      const known = await tombstone(wanted.instanceId);
      if (known !== undefined && !replaces(wanted, known)) return;
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

function replaces(wanted: Tombstone, known: Tombstone): boolean {
  if (wanted.epoch !== known.epoch) return wanted.epoch > known.epoch;
  return known.restore === true && wanted.restore === undefined;
}

/** Ids become parts of paths. */
function checked(id: string, pattern: RegExp, what: string): string {
  if (pattern.test(id)) return id;
  throw new Failure('InvalidSpec', `${JSON.stringify(id)} is not ${what}`);
}

async function removeAll(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
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
