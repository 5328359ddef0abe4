import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Keyring, loadKeyring } from '../../../platform/secrets/keyring.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A keyring read from a real file. Its keys follow from their ids, so that two keyrings can share one. */
export async function testKeyring(active: string, ...others: string[]): Promise<Keyring> {
  const file = join(await temporaryDirectory(), 'keyring.json');
  const keys = [active, ...others].map((id) => [id, Buffer.alloc(32, id).toString('base64')]);
  await writeFile(file, JSON.stringify({ active, keys: Object.fromEntries(keys) }), { mode: 0o600 });
  return loadKeyring(file);
}
