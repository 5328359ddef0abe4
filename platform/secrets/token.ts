import { createHash, randomBytes } from 'node:crypto';
import { shownPart, TOKEN_FORMATS, type TokenFormatName } from '../../domain/authority/token-format.ts';

/** A token that was made just now; `text` is the secret. */
export interface NewToken {
  text: string;
  format: TokenFormatName;
  hash: Buffer;
  shown: string;
}

/** Makes a token of at least 256 random bits. */
export function makeToken(format: TokenFormatName = 'pgsteward'): NewToken {
  const { prefix, secretBytes } = TOKEN_FORMATS[format];
  return describeToken(format, prefix + randomBytes(secretBytes).toString('base64url'));
}

/** What is stored of a token with this text. */
export function describeToken(format: TokenFormatName, text: string): NewToken {
  return { text, format, hash: hashToken(text), shown: shownPart(format, text) };
}

/**
 * What a token is found by. A plain hash is enough for a random secret of this length, and the time that a lookup takes tells
 * nothing of it.
 */
export function hashToken(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
