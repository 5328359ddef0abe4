import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SHELLS } from '../../../cli/completion/scripts.ts';
import { commandLine } from '../../cli/support/command-line.ts';

const run = promisify(execFile);
let directory: string;
const script = (shell: string) => join(directory, shell);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pgsteward-completion-'));
  for (const shell of SHELLS) await writeFile(script(shell), (await commandLine({}, ['completion', shell])).out);
  await writeFile(join(directory, 'roles.yaml'), '');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** What bash offers for the last of the words. */
async function offered(...words: string[]): Promise<string[]> {
  const code =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: bash fills it in
    'source "$1"; shift; COMP_WORDS=(pgsteward "$@"); COMP_CWORD=$#; _pgsteward; printf "%s\\n" "${COMPREPLY[@]}"';
  const { stdout } = await run('bash', ['-c', code, 'bash', script('bash'), ...words], { cwd: directory });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('bash', () => {
  test.each<[words: string[], offers: string[]]>([
    [['us'], ['users']],
    [['users', 'cr'], ['create']],
    [['users', 'create', '--env', 'dev', '--user'], ['--username']],
    [
      ['audit', ''],
      ['export', '-h', '--help'],
    ],
    [['plan', '-f', 'ro'], ['roles.yaml']],
    [['users', 'create', '--env', 'users', '--handover-'], ['--handover-hours']],
    [['tokens', 'create', '--name', ''], []],
    [['completion', '--'], ['--help']],
  ])('completes %j', async (words, offers) => {
    expect(await offered(...words)).toEqual(offers);
  });

  test('offers every command at the beginning', async () => {
    const { out } = await commandLine({}, ['--help']);
    const commands = [...out.matchAll(/^ {2}([a-z][a-z-]*) {2,}/gm)].map(([, name]) => name);
    expect(commands.length).toBeGreaterThan(10);
    expect(await offered('')).toEqual(expect.arrayContaining(commands.filter((name) => name !== 'help')));
  });
});

/** Whether a shell can read its script; undefined where there is no such shell. */
async function reads(shell: string): Promise<boolean | undefined> {
  return run(shell, ['-n', script(shell)]).then(
    () => true,
    (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? undefined : false),
  );
}

test.each(SHELLS)(
  '%s: its script is one that the shell reads, with every command and its description in it',
  async (shell) => {
    expect(await reads(shell)).not.toBe(false);
    const text = (await commandLine({}, ['completion', shell])).out;
    expect(text).toContain('handover-hours');
    if (shell === 'bash') return;
    expect(text).toContain('registered PostgreSQL servers');
    expect(text).toMatch(/users create/);
  },
);
