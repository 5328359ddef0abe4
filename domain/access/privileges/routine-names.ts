/** Names of built-in types that SQL knows by more than one word; on the right as `format_type` writes them. */
const TYPE_SYNONYMS: ReadonlyMap<string, string> = new Map([
  ['int', 'integer'],
  ['int4', 'integer'],
  ['int2', 'smallint'],
  ['int8', 'bigint'],
  ['varchar', 'character varying'],
  ['char varying', 'character varying'],
  ['char', 'character'],
  ['bpchar', 'character'],
  ['bool', 'boolean'],
  ['float', 'double precision'],
  ['float8', 'double precision'],
  ['float4', 'real'],
  ['decimal', 'numeric'],
  ['dec', 'numeric'],
  ['varbit', 'bit varying'],
  ['timestamptz', 'timestamp with time zone'],
  ['timestamp', 'timestamp without time zone'],
  ['timetz', 'time with time zone'],
  ['time', 'time without time zone'],
]);

/** How a request names a routine: `pay(integer, text)`, or `pay` where there is only one. */
export interface RoutineName {
  name: string;
  /** Input argument types in the form of {@link normalArguments}; undefined: not given. */
  args: string | undefined;
}

/** Takes a routine's name as requests write it apart; the name itself is not folded to lower case. */
export function parseRoutineName(text: string): RoutineName {
  const open = text.indexOf('(');
  if (open < 0 || !text.trimEnd().endsWith(')')) return { name: text, args: undefined };
  return {
    name: text.slice(0, open).trimEnd(),
    args: normalArguments(text.slice(open + 1, text.lastIndexOf(')'))),
  };
}

/** Argument types with whitespace, letter case, argument modes, length limits and synonyms of types made the same. */
export function normalArguments(args: string): string {
  return splitArguments(args).map(normalType).join(', ');
}

/** Arguments as {@link normalArguments} gives them, without the schemas of their types. */
export function unqualifiedArguments(normal: string): string {
  return splitArguments(normal)
    .map((type) => type.replace(/^(?:"(?:[^"]|"")*"|[^".]+)\./, ''))
    .join(', ');
}

/** Parts between commas that lie neither in parentheses nor in double quotes. */
export function splitArguments(args: string): string[] {
  if (args.trim() === '') return [];
  const parts = [''];
  let depth = 0;
  let quoted = false;
  for (const character of args) {
    if (character === '"') quoted = !quoted;
    else if (!quoted && character === '(') depth += 1;
    else if (!quoted && character === ')') depth -= 1;
    if (character === ',' && depth === 0 && !quoted) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim());
}

function normalType(type: string): string {
  const text = foldUnquoted(type)
    .replace(/\s+/g, ' ')
    .replace(/^(?:in|inout|variadic) (?=.)/, '')
    .replace(/ ?\( ?\d+ ?(?:, ?-?\d+ ?)?\)/g, '')
    .replace(/\[\d*\]/g, '[]')
    .replace(/ ?(?=\[\])/g, '')
    .replace(/^pg_catalog\./, '')
    .trim();
  const dimensions = text.indexOf('[]');
  const element = dimensions < 0 ? text : text.slice(0, dimensions);
  // Arrays of arrays are the same type as arrays.
  return `${TYPE_SYNONYMS.get(element) ?? element}${dimensions < 0 ? '' : '[]'}`;
}

/** Lower case outside of double quotes; quotes around a name that needs none are left out, as the catalog does. */
function foldUnquoted(text: string): string {
  return text.replace(/"(?:[^"]|"")*"|[^"]+/g, (piece) => {
    if (!piece.startsWith('"')) return piece.toLowerCase();
    // `"char"` is a type of its own, and not the same as char.
    return /^"[a-z_][a-z0-9_]*"$/.test(piece) && piece !== '"char"' ? piece.slice(1, -1) : piece;
  });
}
