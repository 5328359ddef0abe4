import { access, constants, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Failure } from '../../domain/failures.ts';
import { runCommand } from './run-command.ts';
import { downloadTemporalCli } from './temporal-cli-download.ts';

/** A Temporal CLI that runs. */
export interface TemporalCli {
  path: string;
  /** What it says about itself. */
  version: string;
  /** Where it was found, for the start-up lines. */
  source: string;
}

/** Where to look, and where to put what had to be fetched. */
export interface TemporalCliSearch {
  /** Directory of the cached copy; made when it is needed. */
  cacheDir: string;
  env: NodeJS.ProcessEnv;
  /** Told when a step takes long. */
  progress: (text: string) => void;
  /** Ends the search, also a download or a build. */
  signal?: AbortSignal | undefined;
}

/** Version that `go install` builds; every tuning option of the development server is known to it. */
const GO_MODULE = 'github.com/temporalio/cli/cmd/temporal@v1.5.1';
const VERSION_TIMEOUT_MS = 15_000;
/** Compiles some 800 packages: minutes on two cores, and as long again to fetch them on a slow line. */
const GO_INSTALL_TIMEOUT_MS = 1_800_000;

/** One rung: the path of a CLI that may be there, or why there is none. */
type Rung = (search: TemporalCliSearch) => Promise<{ path: string } | { missing: string }>;

/** In the order in which they are tried; each only when the former led to none. */
const RUNGS: readonly { source: string; fetches: boolean; find: Rung }[] = [
  { source: 'PATH', fetches: false, find: fromPath },
  { source: 'the Go binaries', fetches: false, find: async (search) => fromDirectory(await goBinaries(search.env)) },
  { source: 'the cached copy', fetches: false, find: (search) => fromDirectory(search.cacheDir) },
  { source: 'a download', fetches: true, find: fromDownload },
  { source: 'go install', fetches: true, find: fromGo },
];

/**
 * The Temporal CLI of this machine, fetched where there is none: `TEMPORAL_CLI_PATH`, which is final when it is set;
 * PATH; Go's binaries; the cached copy; Temporal's download; a build with Go.
 * @throws Failure that lists what was tried.
 */
export async function obtainTemporalCli(search: TemporalCliSearch): Promise<TemporalCli> {
  return climb(search, RUNGS);
}

/** Like {@link obtainTemporalCli}, but fetches nothing: undefined where no CLI is on this machine. */
export async function findTemporalCli(search: Omit<TemporalCliSearch, 'progress'>): Promise<TemporalCli | undefined> {
  const rungs = RUNGS.filter((rung) => !rung.fetches);
  return climb({ ...search, progress: () => undefined }, rungs).catch(() => undefined);
}

async function climb(search: TemporalCliSearch, rungs: typeof RUNGS): Promise<TemporalCli> {
  const given = search.env.TEMPORAL_CLI_PATH;
  if (given !== undefined && given !== '') {
    const version = await versionOf(given);
    if (version !== undefined) return { path: given, version, source: 'TEMPORAL_CLI_PATH' };
    throw new Failure(
      'ServerUnavailable',
      `TEMPORAL_CLI_PATH is ${given}, and that is not a Temporal CLI that runs here`,
    );
  }
  const tried: string[] = [];
  for (const { source, find } of rungs) {
    const found = await find(search);
    search.signal?.throwIfAborted();
    if ('missing' in found) {
      tried.push(`${source}: ${found.missing}`);
      continue;
    }
    const version = await versionOf(found.path);
    if (version !== undefined) return { path: found.path, version, source };
    tried.push(`${source}: ${found.path} does not run here`);
  }
  throw new Failure(
    'ServerUnavailable',
    `there is no Temporal CLI on this machine, and none could be fetched. Tried:
  ${tried.join('\n  ')}
Any of these helps:
  install it: https://docs.temporal.io/cli
  set TEMPORAL_CLI_PATH to it
  install Go, with which it is built
  set TEMPORAL_ADDRESS to a Temporal server that runs already`,
  );
}

async function fromPath({ env }: TemporalCliSearch): ReturnType<Rung> {
  for (const directory of (env.PATH ?? '').split(delimiter).filter((part) => part !== '')) {
    const found = await fromDirectory(directory);
    if ('path' in found) return found;
  }
  return { missing: 'not there' };
}

async function fromDirectory(directory: string): ReturnType<Rung> {
  const path = join(directory, 'temporal');
  return access(path, constants.X_OK).then(
    () => ({ path }),
    () => ({ missing: `not in ${directory}` }),
  );
}

/** Where `go install` puts programs: GOBIN, or `bin` below the first entry of GOPATH. */
async function goBinaries(env: NodeJS.ProcessEnv): Promise<string> {
  const bin = await goSetting('GOBIN', env);
  if (bin !== '') return bin;
  const [first = ''] = (await goSetting('GOPATH', env)).split(delimiter);
  return join(first === '' ? join(env.HOME ?? homedir(), 'go') : first, 'bin');
}

/** Empty when it is not set, and where Go is not installed. */
async function goSetting(name: string, env: NodeJS.ProcessEnv): Promise<string> {
  const asked = await runCommand('go', ['env', name], { timeoutMs: VERSION_TIMEOUT_MS, env }).catch(() => undefined);
  return asked?.code === 0 ? asked.output : '';
}

async function fromDownload({ cacheDir, env, progress, signal }: TemporalCliSearch): ReturnType<Rung> {
  progress('downloading the Temporal CLI (some 50 MB)');
  try {
    return { path: await downloadTemporalCli({ directory: cacheDir, env, signal }) };
  } catch (error) {
    return { missing: reasonOf(error) };
  }
}

async function fromGo({ cacheDir, env, progress, signal }: TemporalCliSearch): ReturnType<Rung> {
  const go = await runCommand('go', ['version'], { timeoutMs: VERSION_TIMEOUT_MS, env }).catch(() => undefined);
  if (go?.code !== 0) return { missing: 'Go is not installed' };
  progress(`building the Temporal CLI with Go (${GO_MODULE}): this takes minutes, once`);
  await mkdir(cacheDir, { recursive: true, mode: 0o711 });
  try {
    const { code, output } = await runCommand('go', ['install', GO_MODULE], {
      timeoutMs: GO_INSTALL_TIMEOUT_MS,
      signal,
      env: { ...env, GOBIN: cacheDir },
    });
    return code === 0 ? await fromDirectory(cacheDir) : { missing: output };
  } catch (error) {
    return { missing: reasonOf(error) };
  }
}

async function versionOf(path: string): Promise<string | undefined> {
  const asked = await runCommand(path, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS }).catch(() => undefined);
  const version = /temporal version (.+)/.exec(asked?.output ?? '')?.[1];
  return asked?.code === 0 ? version : undefined;
}

/** The innermost message: `fetch failed` alone does not tell what to do. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
