import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { type HandedOver, handoverSecretId, type SealedHandover } from '../../domain/users/handover.ts';
import type { Sealer } from './seal.ts';
import { sealStored } from './seal-stored.ts';
import { hashToken } from './token.ts';

/** 256 bits: nobody guesses it, however often they try. */
const TOKEN_BYTES = 32;
const MS_PER_HOUR = 3_600_000;

/** What a link is found by; whoever has it sees what is behind it. */
export function makeHandoverToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/**
 * A link to a password, as it is put on record.
 * @param of.token made just now unless given
 */
export function makeHandover(sealer: Pick<Sealer, 'seal'>, of: { shown: HandedOver; hours: number; token?: string }) {
  const { shown, hours, token = makeHandoverToken() } = of;
  const id = uuidv7();
  const secretId = handoverSecretId(id);
  const sealed: SealedHandover = { token, shown };
  return {
    id,
    token,
    tokenHash: hashToken(token),
    expiresAt: new Date(Date.now() + hours * MS_PER_HOUR),
    secret: sealStored(sealer, { id: secretId, owner: secretId, version: 1 }, JSON.stringify(sealed)),
  };
}
