import {
  LEFT_TO_RIGHT,
  MAPPED_TO_NOTHING,
  NON_ASCII_SPACE,
  PROHIBITED,
  RIGHT_TO_LEFT,
  UNASSIGNED,
} from './stringprep-tables.ts';

/**
 * Prepares a password exactly as PostgreSQL and libpq do before SCRAM (src/common/saslprep.c).
 *
 * Differs from RFC 4013 in ways that decide whether a login works, which is why a general SASLprep package cannot be used:
 * ASCII is never looked at; prohibited, unassigned and bidirectional characters are searched for before normalization
 * and not after it (so "xₐ" stays as it is); and a password that fails a check is used as it is.
 */
export function saslprep(password: string): string {
  if (isAscii(password)) {
    return password;
  }
  const mapped = password.replaceAll(nonAsciiSpace, ' ').replaceAll(mappedToNothing, '');
  return isAcceptable(mapped) ? mapped.normalize('NFKC') : password;
}

function isAcceptable(mapped: string): boolean {
  if (mapped === '' || prohibited.test(mapped) || unassigned.test(mapped)) {
    return false;
  }
  return !rightToLeft.test(mapped) || (!leftToRight.test(mapped) && endsRightToLeft.test(mapped));
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text, 'utf8') === text.length;
}

/** Body of a regular expression's character class for one of the tables. */
function characterClass(table: string): string {
  return table
    .trim()
    .split(/\s+/)
    .map((range) =>
      range
        .split('-')
        .map((codePoint) => `\\u{${codePoint}}`)
        .join('-'),
    )
    .join('');
}

const nonAsciiSpace = new RegExp(`[${characterClass(NON_ASCII_SPACE)}]`, 'gu');
const mappedToNothing = new RegExp(`[${characterClass(MAPPED_TO_NOTHING)}]`, 'gu');
const prohibited = new RegExp(`[${characterClass(PROHIBITED)}]`, 'u');
const unassigned = new RegExp(`[${characterClass(UNASSIGNED)}]`, 'u');
const leftToRight = new RegExp(`[${characterClass(LEFT_TO_RIGHT)}]`, 'u');
const rightToLeft = new RegExp(`[${characterClass(RIGHT_TO_LEFT)}]`, 'u');
const endsRightToLeft = new RegExp(
  `^[${characterClass(RIGHT_TO_LEFT)}](?:.*[${characterClass(RIGHT_TO_LEFT)}])?$`,
  'su',
);
