import type { Config } from '../../platform/config/config.ts';
import { loadKeyring, rotateKeyring } from '../../platform/secrets/keyring.ts';
import { onMetadata } from '../metadata.ts';
import { type Resealing, reseal } from './reseal.ts';

const USAGE = `usage: pgsteward keys rotate seal|codec
       pgsteward keys reseal

rotate adds a random key to the keyring file that the settings name and makes it the active one; copy the file to every machine that
has it, and restart the processes there. reseal then seals every stored secret with the active key, and says what older keys are
still needed for; it may run beside everything else, and again.
Exit code: 0 done, 1 a secret could not be opened or something failed, 2 wrong words.`;

/** `keys`: what is done to keyrings, on the machine that has the file. */
export async function runKeys(
  config: Config,
  out: { words: readonly string[]; say: (line: string) => void; complain: (line: string) => void },
): Promise<number> {
  const command = COMMANDS.get(out.words.join(' '));
  if (command === undefined) {
    out.complain(USAGE);
    return 2;
  }
  const { code, lines } = await command(config);
  for (const line of lines) out.say(line);
  return code;
}

interface Said {
  code: number;
  lines: string[];
}

const COMMANDS: ReadonlyMap<string, (config: Config) => Promise<Said>> = new Map([
  ['rotate seal', ({ files }) => rotate(files.sealKeyring)],
  ['rotate codec', ({ files }) => rotate(files.codecKeyring)],
  ['reseal', resealAll],
]);

async function rotate(file: string): Promise<Said> {
  const { active, keys } = await rotateKeyring(file);
  return { code: 0, lines: [`${file} has ${keys.length} keys; ${active.id} is the active one from the next start on`] };
}

async function resealAll(config: Config): Promise<Said> {
  const keyring = await loadKeyring(config.files.sealKeyring);
  return onMetadata(config, async (db) => said(await reseal(db, keyring), keyring.active.id));
}

function said({ resealed, unreadable, fingerprints, others }: Resealing, active: string): Said {
  return {
    code: unreadable.length > 0 ? 1 : 0,
    lines: [
      `resealed  ${resealed} secrets with key ${active}`,
      `forgotten ${fingerprints} fingerprints of passwords: those are sent once more when they are next asked for`,
      ...unreadable.map(({ id, reason }) => `unread    ${id}: ${reason}`),
      ...others.flatMap(({ keyId, ...use }) =>
        USES.flatMap(([name, why]) => (use[name] === 0 ? [] : [why(keyId, use[name])])),
      ),
      ...(others.length === 0 ? ['No other key is needed any more.'] : []),
    ],
  };
}

const USES = [
  [
    'secrets',
    (key: string, n: number) =>
      `needed    key ${key}, for ${n} secrets: run this again when every process has restarted`,
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
