/** How the text of a token of one kind looks. */
export interface TokenFormat {
  readonly prefix: string;
  /** Bytes from the random generator, as base64url after the prefix. */
  readonly secretBytes: number;
}

/** Every format that is accepted, by the name that is stored with a token. */
export const TOKEN_FORMATS = {
  pgsteward: { prefix: 'pgst_', secretBytes: 32 },
  /** API keys as published clients of the cluster API demand them. */
  cbkey: { prefix: 'cbkey_', secretBytes: 32 },
  /** What such a key is exchanged for: good for a while. */
  cbat: { prefix: 'cbat_', secretBytes: 32 },
} as const satisfies Record<string, TokenFormat>;

export type TokenFormatName = keyof typeof TOKEN_FORMATS;

/** Formats that people may ask for. */
export const KEY_FORMATS = ['pgsteward', 'cbkey'] as const satisfies readonly TokenFormatName[];

/** Characters of the secret that lists show, so that people know which token is meant: 30 of 256 bits. */
const SHOWN = 5;

/** The format that a text has the prefix of, whether or not it is a token. */
export function formatOf(text: string): TokenFormatName | undefined {
  const names = Object.keys(TOKEN_FORMATS) as TokenFormatName[];
  return names.find((name) => text.startsWith(TOKEN_FORMATS[name].prefix));
}

/** The part of a token that is no secret. */
export function shownPart(format: TokenFormatName, text: string): string {
  return text.slice(0, TOKEN_FORMATS[format].prefix.length + SHOWN);
}
