import { execFile } from 'node:child_process';
import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const VERSION = '4.32.5';
/** Downloading and installing it; a machine that has it takes none of this. */
const INSTALL_MS = 300_000;
/** It ends by itself after this time, with what it has tried by then: every operation and case takes half of it on two free cores. */
const BUDGET_SECONDS = 120;
/** Bound for hangs. */
const RUN_MS = 840_000;
const SEED = 20_260_101;

/** Installs Schemathesis into a cache of this user, once. @throws Error saying what is missing */
export async function installSchemathesis(): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'pgsteward-tests');
  const home = join(cache, `schemathesis-${VERSION}`);
  const program = join(home, 'bin', 'st');
  if (await works(program)) return program;
  await mkdir(cache, { recursive: true });
  await rm(home, { recursive: true, force: true });
  try {
    await run('python3', ['-m', 'venv', home], { timeout: INSTALL_MS });
    await run(join(home, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${VERSION}`], { timeout: INSTALL_MS });
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw new Error(
      `Schemathesis needs Python 3.10 or newer with venv and a package index: ${(error as Error).message}`,
    );
  }
  return program;
}

async function works(program: string): Promise<boolean> {
  return access(program)
    .then(() => run(program, ['--version'], { timeout: INSTALL_MS }))
    .then(
      () => true,
      () => false,
    );
}

/**
 * Sends requests that the description allows, and such as it does not, to a running API.
 * @returns 0 where every answer was as described, and what Schemathesis tells
 */
export async function fuzzDescription(
  program: string,
  options: {
    url: string;
    token: string;
    directory: string;
    examples: number;
    without: Readonly<Record<string, string>>;
  },
): Promise<{ code: number; output: string }> {
  const config = join(options.directory, 'schemathesis.toml');
  // The token comes by the environment: arguments can be read by everybody on the machine.
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Schemathesis fills it in
  await writeFile(config, 'headers = { Authorization = "Bearer ${FUZZ_TOKEN}" }\n');
  const checks = [
    'not_a_server_error',
    'status_code_conformance',
    'content_type_conformance',
    'response_schema_conformance',
  ];
  const { url, examples, without, directory: cwd } = options;
  const words = [
    ['--config-file', config, 'run', `${url}/v1/openapi.json`, '--no-color'],
    ['--checks', checks.join(','), '--phases', 'examples,coverage,fuzzing', '--max-examples', String(examples)],
    ['--seed', String(SEED), '--generation-database', 'none', '--no-shrink', '--continue-on-failure'],
    [
      '--max-time',
      String(BUDGET_SECONDS),
      '--request-timeout',
      '40',
      '--warnings',
      'off',
      '--suppress-health-check',
      'all',
      '--workers',
      '1',
    ],
    Object.keys(without).flatMap((id) => ['--exclude-operation-id', id]),
  ].flat();
  const env = { ...process.env, FUZZ_TOKEN: options.token };
  const ended = await run(program, words, { cwd, env, timeout: RUN_MS, maxBuffer: 64 * 1024 * 1024 }).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (error: { code?: number; stdout?: string; stderr?: string }) => ({
      code: Number(error.code ?? 1),
      output: `${error.stdout ?? ''}${error.stderr ?? ''}`,
    }),
  );
  return { ...ended, output: ended.output.replaceAll(options.token, '<token>') };
}
