import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RUNTIME_TEXT } from '../../../worker/dev/runtime-text.ts';
import type { Installation } from '../../dev/support/npm-start.ts';
import { difference, missingLines } from './compare.ts';
import { ROOT, readPage, type Step, stepsOf } from './page.ts';
import { FOR_ALL, PREPARATIONS, type Preparation } from './preparations.ts';
import { openSession, type Session } from './session.ts';

/** What a person types at the prompt of `curl -u pgadmin`. */
export const USERS_API_PASSWORD = 'pgadmin-of-the-docs';

/** Service ports that one page may name: 3100 and the next ones. */
const PORTS_OF_A_PAGE = 4;
const FIRST_SERVICE_PORT = 3100;

const PORTS = {
  PGSTEWARD_PORT: 3000,
  PGSTEWARD_METADATA_PORT: 54320,
  PGSTEWARD_TARGET_PORT: 54321,
  PGSTEWARD_TEMPORAL_PORT: 7233,
  PGSTEWARD_TEMPORAL_UI_PORT: 8233,
  PGSTEWARD_CODEC_PORT: 8234,
} as const;

/** The same text with other ports: those of this installation in place of the documented ones, and back. */
interface Ports {
  here(text: string): string;
  documented(text: string): string;
}

function portsOf(installation: Installation, place: number): Ports {
  const names = Object.keys(PORTS) as (keyof typeof PORTS)[];
  const pairs = [
    ...names.map((name) => [PORTS[name], installation.ports[name]] as const),
    [9464, Number(installation.env.PGSTEWARD_METRICS_LISTEN?.split(':')[1])] as const,
    ...Array.from({ length: PORTS_OF_A_PAGE }, (_, index) => {
      const here = installation.servicePort + place * PORTS_OF_A_PAGE + index;
      return [FIRST_SERVICE_PORT + index, here] as const;
    }),
  ];
  const replace = (text: string, of: ReadonlyMap<string, number>) =>
    text.replace(/(?<![\d.])\d{4,5}(?![\d.]\d)/g, (number) => String(of.get(number) ?? number));
  const there = new Map(pairs.map(([documented, here]) => [String(documented), here]));
  const back = new Map(pairs.map(([documented, here]) => [String(here), documented]));
  return {
    here: (text) => replace(text, there).replaceAll('-u pgadmin ', `-u pgadmin:${USERS_API_PASSWORD} `),
    documented: (text) => replace(text, back),
  };
}

/** What became of a page. */
export interface Reading {
  ran: number;
  compared: number;
}

/** Where a page is read. */
export interface Place {
  installation: Installation;
  /** What `npm start` has printed there. */
  startOutput: string;
  /** Which of the installation's service ports are this page's. */
  index: number;
}

/** Makes what all pages take for granted. */
export function prepareForAll(place: Place): Promise<void> {
  return beside(place, (here) => prepare(FOR_ALL, here));
}

/**
 * Does what a page says, from its first block to its last, in a directory of its own beside a running installation, and compares what is
 * printed with what the page shows.
 * @throws with the line of the page at the first command that fails, or prints something else
 */
export function readAndDo(path: string, place: Place): Promise<Reading> {
  return beside(place, async (here) => {
    const reading: Reading = { ran: 0, compared: 0 };
    await prepare(PREPARATIONS[path] ?? {}, here);
    for (const step of stepsOf(await readPage(path))) {
      try {
        await take(step, { ...here, reading, startOutput: place.startOutput });
      } catch (error) {
        throw new Error(`${path}:${step.block.line}: ${(error as Error).message}`);
      }
    }
    return reading;
  });
}

/** A shell in a directory of its own beside an installation. */
interface Here {
  directory: string;
  ports: Ports;
  session: Session;
  /** Port of the installation's target server. */
  targetPort: number;
}

async function beside<T>(place: Place, work: (here: Here) => Promise<T>): Promise<T> {
  const parent = await mkdtemp(join(tmpdir(), 'pgsteward-docs-'));
  await chmod(parent, 0o755);
  const directory = join(parent, 'here');
  const scratch = join(parent, 'scratch');
  for (const one of [directory, scratch]) await mkdir(one);
  await symlink(place.installation.home, join(directory, '.pgsteward'));
  const session = openSession({ directory, scratch, env: await environment(place.installation, parent) });
  try {
    const { installation, index } = place;
    const targetPort = installation.ports.PGSTEWARD_TARGET_PORT;
    return await work({ directory, session, ports: portsOf(installation, index), targetPort });
  } finally {
    await session.close();
    await rm(parent, { recursive: true, force: true });
  }
}

async function prepare({ commands, files }: Preparation, here: Here): Promise<void> {
  const { directory, ports, session, targetPort } = here;
  for (const [name, content] of Object.entries((await files?.({ targetPort })) ?? {})) {
    await writeFile(join(directory, name), typeof content === 'string' ? ports.here(content) : content);
  }
  if (commands !== undefined) await session.run(ports.here(commands));
}

async function take(step: Step, on: Here & { reading: Reading; startOutput: string }): Promise<void> {
  const { ports, reading, session } = on;
  if (step.kind === 'file') await writeFile(join(on.directory, step.name), `${ports.here(step.block.text)}\n`);
  if (step.kind !== 'commands') return;
  const isStart = step.block.text === 'npm start';
  // The page is about a machine with a container engine.
  const started = on.startOutput.replace(RUNTIME_TEXT.process, RUNTIME_TEXT.docker);
  const printed = isStart ? started : (await session.run(ports.here(step.block.text), step.exit)).out;
  reading.ran += 1;
  if (step.shown === undefined) return;
  reading.compared += 1;
  const found = (isStart ? missingLines : difference)(step.shown, ports.documented(printed));
  if (found !== undefined) throw new Error(found);
}

/** What the commands find around them: the settings of the installation, and the programs of a clone. */
async function environment({ env, ports }: Installation, parent: string): Promise<NodeJS.ProcessEnv> {
  const programs = join(parent, 'bin');
  await mkdir(programs);
  const script = (name: string) => fileURLToPath(new URL(`scripts/${name}`, ROOT));
  // As npx and npm do it in a clone, without the second that they need to find out.
  const wrappers = {
    npx: `[ "$1" = pgsteward ] || exit 64\nshift\nexec '${process.execPath}' '${script('pgsteward.mjs')}' "$@"`,
    npm: `[ "$1 $2" = 'start --' ] || exit 64\nshift 2\nexec '${process.execPath}' '${script('start.mjs')}' "$@"`,
  };
  for (const [name, text] of Object.entries(wrappers)) {
    await writeFile(join(programs, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
  // An answer that is an error fails the command, and answers stand on lines of their own.
  await writeFile(join(parent, '.curlrc'), 'fail-with-body\nsilent\nshow-error\nmax-time = 90\nwrite-out = "\\n"\n');
  const { PGSTEWARD_HOME: _, ...rest } = env;
  return {
    ...rest,
    PATH: `${programs}:${process.env.PATH}`,
    CURL_HOME: parent,
    PGSTEWARD_URL: `http://localhost:${ports.PGSTEWARD_PORT}`,
    TEMPORAL_ADDRESS: `127.0.0.1:${ports.PGSTEWARD_TEMPORAL_PORT}`,
  };
}
