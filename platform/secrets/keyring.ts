import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../../domain/failures.ts';
import { createPrivateFile, readPrivateFile, updatePrivateFile } from '../files/private-file.ts';

/** One 256-bit key. A KeyObject shows nothing when it is logged or serialized. */
export interface Key {
  readonly id: string;
  readonly secret: KeyObject;
}

/** Keys of one purpose: the active one encrypts, every one decrypts. */
export interface Keyring {
  readonly active: Key;
  readonly keys: readonly Key[];
  /** @throws Failure KeyUnavailable, naming the id */
  find(keyId: string): Key;
}

/**
 * Reads a keyring file: JSON `{ "active": "<key id>", "keys": { "<key id>": "<base64 of 32 bytes>" } }`, mode 0600.
 * There is one file per purpose: `codec` (Temporal payloads, also on hosts) and `seal` (secret store, never on a host).
 * @throws Failure ConfigurationInvalid; its message never quotes the content
 */
export async function loadKeyring(file: string): Promise<Keyring> {
  return toKeyring(parseKeyring(file, await readPrivateFile(file)));
}

/** The same as {@link loadKeyring}, after creating the file with one random key where it is missing. */
export async function ensureKeyring(file: string): Promise<Keyring> {
  const key = newKey();
  await createPrivateFile(file, serialize({ active: key.id, keys: { [key.id]: key.base64 } }));
  return loadKeyring(file);
}

/**
 * Adds a random key to the file and makes it the active one; old keys stay, so that what they encrypted can be read.
 * Processes that run already keep the keyring they read at their start: restart them all, and expect those that have not
 * restarted yet to answer KeyUnavailable, which is retried.
 */
export async function rotateKeyring(file: string): Promise<Keyring> {
  const key = newKey();
  await updatePrivateFile(file, (text) => {
    const content = parseKeyring(file, text);
    return serialize({ active: key.id, keys: { ...content.keys, [key.id]: key.base64 } });
  });
  return loadKeyring(file);
}

/**
 * Takes a key out of the file, and keeps the file as it was beside it: what is verified later may still need the key.
 * @returns name of that copy
 * @throws Failure ConfigurationInvalid where the key is the active one or not in the file
 */
export async function retireKey(file: string, keyId: string): Promise<string> {
  const copy = `${file}.with-${keyId}`;
  await updatePrivateFile(file, async (text) => {
    const { active, keys } = parseKeyring(file, text);
    if (!Object.hasOwn(keys, keyId)) throw notToRetire(file, keyId, 'is not in the file');
    if (keyId === active) throw notToRetire(file, keyId, 'is the active one: rotate first');
    await createPrivateFile(copy, text);
    const { [keyId]: _retired, ...kept } = keys;
    return serialize({ active, keys: kept });
  });
  return copy;
}

function notToRetire(file: string, keyId: string, why: string): Failure {
  return new Failure('ConfigurationInvalid', `key ${JSON.stringify(keyId.slice(0, 64))} of ${file} ${why}`);
}

const KEY_BYTES = 32;

const keyringSchema = z.strictObject({
  active: z.string(),
  keys: z.record(z.string().regex(/^[A-Za-z0-9._-]{1,64}$/), z.string().refine(isKeyText)),
});

type KeyringContent = z.infer<typeof keyringSchema>;

function parseKeyring(file: string, text: string): KeyringContent {
  const content = keyringSchema.safeParse(parseJson(text));
  if (!content.success || !Object.hasOwn(content.data.keys, content.data.active)) {
    throw new Failure(
      'ConfigurationInvalid',
      `${file} is not a keyring: expected {"active": "<key id>", "keys": {"<key id>": "<base64 of 32 bytes>"}}`,
      { details: { file } },
    );
  }
  return content.data;
}

/** JSON.parse quotes a part of what it cannot read in its error, here a key. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toKeyring(content: KeyringContent): Keyring {
  const keys = new Map(
    Object.entries(content.keys).map(([id, base64]) => [
      id,
      Object.freeze({ id, secret: createSecretKey(Buffer.from(base64, 'base64')) }),
    ]),
  );
  const find = (keyId: string): Key => {
    const key = keys.get(keyId);
    if (key === undefined) {
      throw new Failure(
        'KeyUnavailable',
        `key ${JSON.stringify(keyId.slice(0, 64))} is not in the keyring of this process: copy the newest keyring file here, and start it again`,
        {
          details: { keyId: keyId.slice(0, 64) },
        },
      );
    }
    return key;
  };
  return Object.freeze({ active: find(content.active), keys: Object.freeze([...keys.values()]), find });
}

function newKey(): { id: string; base64: string } {
  const day = new Date().toISOString().slice(0, 10);
  return { id: `${day}-${randomBytes(4).toString('hex')}`, base64: randomBytes(KEY_BYTES).toString('base64') };
}

function isKeyText(text: string): boolean {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === KEY_BYTES && bytes.toString('base64') === text;
}

function serialize(content: KeyringContent): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}
