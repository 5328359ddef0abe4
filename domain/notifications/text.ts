/** Control characters, line and paragraph separators, and what turns the direction of writing: none is of use in a message. */
const INVISIBLE = /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]+/gu;

/** A value as one line of at most `most` characters: nothing in it can begin a header, a line or a paragraph. */
export function oneLine(value: string, most = 300): string {
  const line = value.replace(INVISIBLE, ' ').trim();
  const characters = Array.from(line);
  return characters.length <= most ? line : `${characters.slice(0, most - 1).join('')}…`;
}
