import type pg from 'pg';
import { Failure } from '../../domain/failures.ts';
import type { Keyring } from '../../platform/secrets/keyring.ts';
import { openStored } from '../../platform/secrets/open-stored.ts';
import { createSealer, type Sealer } from '../../platform/secrets/seal.ts';
import { sealStored } from '../../platform/secrets/seal-stored.ts';
import {
  forgetFingerprints,
  type KeyUse,
  keyUses,
  type Resealed,
  replaceSealed,
  secretsUnderOtherKeys,
} from '../../store/reseal.ts';
import type { StoredSecret } from '../../store/secrets.ts';

/** Failures of one secret that say nothing about the others. */
const UNREADABLE: ReadonlySet<string> = new Set(['KeyUnavailable', 'SecretUnreadable']);
/** Secrets of one statement. */
const AT_A_TIME = 200;

/** What came of it. */
export interface Resealing {
  resealed: number;
  /** Ids of secrets that could not be opened, and why; they are as they were. */
  unreadable: { id: string; reason: string }[];
  fingerprints: number;
  /** What keys other than the active one are still needed for. */
  others: KeyUse[];
}

/**
 * Seals every stored secret with the active key of the keyring, some at a time. It may be ended at any moment and begun again: what is
 * done is done, and may run beside everything else.
 */
export async function reseal(db: pg.Pool, keyring: Keyring): Promise<Resealing> {
  const sealer = createSealer(keyring);
  const keyId = keyring.active.id;
  const unreadable: Resealing['unreadable'] = [];
  let resealed = 0;
  let after: StoredSecret | undefined;
  for (;;) {
    const secrets = await secretsUnderOtherKeys(db, { keyId, after, limit: AT_A_TIME });
    const done = secrets.flatMap((from) => resealOne(sealer, from, unreadable));
    if (done.length > 0) resealed += await replaceSealed(db, done);
    after = secrets.at(-1);
    if (secrets.length < AT_A_TIME) break;
  }
  const fingerprints = await forgetFingerprints(db, keyId);
  const others = (await keyUses(db)).filter((use) => use.keyId !== keyId);
  return { resealed, unreadable, fingerprints, others };
}

function resealOne(sealer: Sealer, from: StoredSecret, unreadable: Resealing['unreadable']): Resealed[] {
  const { id, owner, version } = from;
  try {
    const { keyId, sealed } = sealStored(sealer, { id, owner, version }, openStored(sealer, from));
    return [{ from, to: { keyId, sealed } }];
  } catch (error) {
    if (!(error instanceof Failure && UNREADABLE.has(error.type))) throw error;
    unreadable.push({ id: `${id} version ${version}`, reason: error.message });
    return [];
  }
}
