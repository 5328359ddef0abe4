import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../../../cli/main.ts';
import { until } from '../../support/follow.ts';

const PROGRAM = fileURLToPath(new URL('../../../scripts/pgsteward.mjs', import.meta.url));
/** Bound for hangs. */
const END_MS = 90_000;

export interface Ran {
  code: number;
  /** Standard output: the answer. */
  out: string;
  /** Standard error: progress, notes and errors. */
  notes: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  json(): any;
}

/** Runs one command line in this process, against whatever the environment names. */
export async function commandLine(
  env: NodeJS.ProcessEnv,
  words: readonly string[],
  options: { input?: string; answers?: string[] } = {},
): Promise<Ran> {
  let out = '';
  let notes = '';
  const { answers } = options;
  const code = await runCommandLine(words, {
    env,
    own: [],
    terminal: {
      out: (text) => {
        out += text;
      },
      note: (line) => {
        notes += `${line}\n`;
      },
      colours: false,
      ask:
        answers === undefined
          ? undefined
          : (question) => {
              notes += `${question}\n`;
              return Promise.resolve(answers.shift() ?? '');
            },
      readInput: () => Promise.resolve(options.input ?? ''),
    },
  });
  return { code, out, notes, json: () => JSON.parse(out) };
}

/** A command line in a process of its own. */
export interface Started {
  child: ChildProcess;
  out(): string;
  notes(): string;
  /** Waits until standard error has it. */
  says(text: string | RegExp): Promise<void>;
  ended(): Promise<Ran>;
}

/** Starts the program itself. */
export function startProgram(env: NodeJS.ProcessEnv, words: readonly string[]): Started {
  const child = spawn(process.execPath, [PROGRAM, ...words], {
    env: { ...ownEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { out: '', notes: '' };
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    texts.out += part;
  });
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    texts.notes += part;
  });
  const closed = once(child, 'close');
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
  return {
    child,
    out: () => texts.out,
    notes: () => texts.notes,
    says: async (text) => void (await until(async () => (texts.notes.match(text) ? true : undefined), END_MS)),
    async ended() {
      const [code] = await closed;
      clearTimeout(timer);
      return { code: Number(code ?? -1), ...texts, json: () => JSON.parse(texts.out) };
    },
  };
}

/** Without what the test run itself is told: the program warns of variables that it does not know. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PGSTEWARD_')));
}

/** The same to its end. */
export const program = (env: NodeJS.ProcessEnv, words: readonly string[]): Promise<Ran> =>
  startProgram(env, words).ended();
