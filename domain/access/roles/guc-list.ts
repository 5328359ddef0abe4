/**
 * Elements of a comma-separated list as PostgreSQL stores it: double quotes around an element are taken off, white space
 * around it is not part of it, and nothing is folded to lower case (SplitGUCList in src/bin/pg_dump/dumputils.c, which
 * pg_dump takes such values apart with). The empty text is one empty element, which is what it is stored as.
 *
 * Undefined for text that is no list: a quote that does not end, an element without text, text after a closing quote.
 */
export function splitGucList(text: string): string[] | undefined {
  if (text.trim() === '') return [''];
  const elements: string[] = [];
  const element = /\s*(?:"((?:[^"]|"")*)"|([^\s",][^\s,]*))\s*(,|$)/y;
  for (;;) {
    const match = element.exec(text);
    if (match === null) return undefined;
    const [, quoted, plain = '', end] = match;
    elements.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === '') return elements;
  }
}

/** The list as PostgreSQL stores it, but that key words are not quoted (flatten_set_variable_args in guc_funcs.c). */
export function joinGucList(elements: readonly string[]): string {
  return elements
    .map((element) => (/^[a-z_][a-z0-9_]*$/.test(element) ? element : `"${element.replaceAll('"', '""')}"`))
    .join(', ');
}

/** Whether two stored values are the same list. */
export function sameGucList(a: string, b: string): boolean {
  const [left, right] = [splitGucList(a), splitGucList(b)];
  if (left === undefined || right === undefined) return a === b;
  return left.length === right.length && left.every((element, index) => element === right[index]);
}
