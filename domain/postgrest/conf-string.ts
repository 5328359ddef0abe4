import { Failure } from '../failures.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  // `$` starts an interpolation: `$(NAME)` reads the environment or another key.
  $: '$$',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/**
 * A value in the quoting of postgrest.conf. The result is pure ASCII: a raw non-ASCII byte makes the file unreadable
 * under `LANG=C`.
 * @throws Failure InvalidSpec for NUL, which PostgreSQL cannot store either
 */
export function confString(value: string): string {
  if (value.includes('\0')) throw new Failure('InvalidSpec', 'a PostgREST setting contains the character NUL');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to be escaped
  const escaped = value.replace(/[\\"$\u0000-\u001f\u007f-\uffff]/g, (unit) => ESCAPES[unit] ?? unicodeEscape(unit));
  return `"${escaped}"`;
}

function unicodeEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
