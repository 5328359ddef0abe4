import type { Config } from '../../platform/config/config.ts';
import { loadKeyring, retireKey, rotateKeyring } from '../../platform/secrets/keyring.ts';
import { type KeyUse, keyUses } from '../../store/reseal.ts';
import { onMetadata } from '../metadata.ts';
import { type Resealing, reseal } from './reseal.ts';

const USAGE = `usage: pgsteward keys rotate seal|codec
       pgsteward keys reseal
       pgsteward keys retire seal KEY

rotate adds a random key to the keyring file that the settings name and makes it the active one; copy the file to every machine that
has it, and restart the processes there. reseal then seals every stored secret with the active key, and says what older keys are
still needed for; it may run beside everything else, and again. retire takes a key out of the file once no secret and no request needs
it, and leaves the file as it was beside it.
Exit code: 0 done, 1 a secret could not be opened, a key is still needed or something failed, 2 wrong words.`;

/** `keys`: what is done to keyrings, on the machine that has the file. */
export async function runKeys(
  config: Config,
  out: { words: readonly string[]; say: (line: string) => void; complain: (line: string) => void },
): Promise<number> {
  const [name, of, ...parameters] = out.words;
  const command = COMMANDS.get(of === undefined ? `${name}` : `${name} ${of}`);
  if (command === undefined || parameters.length !== (command.parameter ? 1 : 0)) {
    out.complain(USAGE);
    return 2;
  }
  const { code, lines } = await command.run(config, parameters[0] ?? '');
  for (const line of lines) out.say(line);
  return code;
}

interface Said {
  code: number;
  lines: string[];
}

interface Command {
  run(config: Config, parameter: string): Promise<Said>;
  /** Whether a word follows. */
  parameter?: true;
}

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['rotate seal', { run: ({ files }) => rotate(files.sealKeyring) }],
  ['rotate codec', { run: ({ files }) => rotate(files.codecKeyring) }],
  ['reseal', { run: resealAll }],
  ['retire seal', { run: retire, parameter: true }],
]);

async function rotate(file: string): Promise<Said> {
  const { active, keys } = await rotateKeyring(file);
  return { code: 0, lines: [`${file} has ${keys.length} keys; ${active.id} is the active one from the next start on`] };
}

async function resealAll(config: Config): Promise<Said> {
  const keyring = await loadKeyring(config.files.sealKeyring);
  return onMetadata(config, async (db) => said(await reseal(db, keyring), keyring.active.id));
}

/** Nothing is asked of the other machines: their processes meet a key that they still have. */
async function retire(config: Config, keyId: string): Promise<Said> {
  const { files } = config;
  const uses = await onMetadata(config, keyUses);
  const use = uses.find((each) => each.keyId === keyId);
  const needed = use === undefined ? [] : neededFor(use).filter(([name]) => name !== 'auditEntries');
  if (needed.length > 0) return { code: 1, lines: needed.map(([, line]) => line) };
  const auditEntries = use?.auditEntries ?? 0;
  const copy = await retireKey(files.sealKeyring, keyId);
  return {
    code: 0,
    lines: [
      `retired   key ${keyId}: copy ${files.sealKeyring} to every machine that has it, and restart the processes there`,
      `kept      ${copy}: ${auditEntries > 0 ? `to verify ${auditEntries} entries of the audit log; move it to where that is done` : 'remove it, nothing needs it'}`,
    ],
  };
}

function said({ resealed, unreadable, fingerprints, others }: Resealing, active: string): Said {
  return {
    code: unreadable.length > 0 ? 1 : 0,
    lines: [
      `resealed  ${resealed} secrets with key ${active}`,
      `forgotten ${fingerprints} fingerprints of passwords: those are sent once more when they are next asked for`,
      ...unreadable.map(({ id, reason }) => `unread    ${id}: ${reason}`),
      ...others.flatMap((use) => neededFor(use).map(([, line]) => line)),
      ...(others.length === 0 ? ['No other key is needed any more.'] : []),
    ],
  };
}

const USES = [
  [
    'secrets',
    (key: string, n: number) =>
      `needed    key ${key}, for ${n} secrets: run reseal again when every process has restarted`,
  ],
  [
    'requests',
    (key: string, n: number) => `needed    key ${key}, for ${n} requests: until they have ended, and ten minutes more`,
  ],
  [
    'auditEntries',
    (key: string, n: number) =>
      `needed    key ${key}, to verify ${n} entries of the audit log: keep it where that is done`,
  ],
] as const;

/** What a key is still needed for, each with the line that says so. */
function neededFor({ keyId, ...use }: KeyUse): [name: (typeof USES)[number][0], line: string][] {
  return USES.flatMap(([name, why]) => (use[name] === 0 ? [] : [[name, why(keyId, use[name])]]));
}
