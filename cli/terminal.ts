import { CliError, EXIT } from './errors.ts';

/** Where a command writes to and reads from. */
export interface Terminal {
  /** The answer: nothing else goes to standard output, so that it can be piped. */
  out(text: string): void;
  /** Progress and notes, on standard error. */
  note(line: string): void;
  /** Whether somebody watches standard output, and may be shown colours. */
  colours: boolean;
  /** Asks whoever sits there; undefined where nobody does. */
  ask: ((question: string, options?: { hidden: boolean }) => Promise<string>) | undefined;
  /** All of standard input. */
  readInput(): Promise<string>;
}

const CODES = { green: 32, red: 31, yellow: 33, bold: 1, dim: 2 } as const;
export type Colour = keyof typeof CODES;

/** Colours a text where that is wanted. */
export function coloured(terminal: Pick<Terminal, 'colours'>, colour: Colour, text: string): string {
  return terminal.colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}

/** The terminal of this process. */
export function processTerminal(env: NodeJS.ProcessEnv): Terminal {
  const { stdin, stdout, stderr } = process;
  return {
    out: (text) => void stdout.write(text),
    note: (line) => void stderr.write(`${line}\n`),
    colours: stdout.isTTY === true && (env.NO_COLOR ?? '') === '',
    ask: stdin.isTTY === true && stderr.isTTY === true ? askPerson : undefined,
    async readInput() {
      let text = '';
      for await (const chunk of stdin.setEncoding('utf8')) text += chunk;
      return text;
    },
  };
}

async function askPerson(question: string, { hidden } = { hidden: false }): Promise<string> {
  const { createInterface } = await import('node:readline');
  const { Writable } = await import('node:stream');
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  process.stderr.write(question);
  const lines = createInterface({ input: process.stdin, output: hidden ? silent : process.stderr, terminal: true });
  try {
    return await new Promise((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('SIGINT', () => reject(new CliError('interrupted', { exitCode: EXIT.interrupted })));
    });
  } finally {
    lines.close();
    if (hidden) process.stderr.write('\n');
  }
}
