import { isDeepStrictEqual } from 'node:util';

/** Where a page leaves something out. */
const LEFT_OUT = '…';

/** What is another one each time, and by what it is known. */
const CHANGING: readonly [name: string, pattern: RegExp][] = [
  ['uuid', /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g],
  ['time', /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g],
  ['hash', /\b[0-9a-f]{64}\b/g],
  ['seconds', /\b\d+\.\d s\b/g],
  ['version', /\b\d+\.\d+\.\d+\b/g],
];

/**
 * Compares what commands printed with what a page shows for them: JSON by its members, of which the page may leave some out, and text by
 * its lines. `…` stands for anything: part of a value or line, or as a line or element of its own any number of them.
 * @returns what differs, or undefined
 */
export function difference(shown: { language: string; text: string }, printed: string): string | undefined {
  if (shown.language !== 'json') {
    return linesMatch(linesOf(shown.text), linesOf(printed))
      ? undefined
      : `the page shows\n${shown.text}\nand printed was\n${printed}`;
  }
  const found = differingMember(JSON.parse(shown.text), lastJson(printed), '');
  return found === undefined ? undefined : `${found}; printed was\n${printed}`;
}

/** The same for what is printed in another order each time: every line is there. */
export function missingLines(shown: { text: string }, printed: string): string | undefined {
  const lines = linesOf(printed);
  const missing = linesOf(shown.text).filter((line) => !lines.some((one) => matches(line, one)));
  return missing.length === 0 ? undefined : `not printed were\n${missing.join('\n')}\nand printed was\n${printed}`;
}

/** Commands print one answer after the other: a page shows the last one. */
function lastJson(printed: string): unknown {
  const whole = parsed(printed);
  return whole === undefined ? parsed(printed.trim().split('\n').at(-1) ?? '') : whole;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function differingMember(shown: unknown, printed: unknown, path: string): string | undefined {
  if (typeof shown === 'string') {
    return typeof printed === 'string' && matches(shown, printed)
      ? undefined
      : `${path} is ${JSON.stringify(printed)} and not ${JSON.stringify(shown)}`;
  }
  if (Array.isArray(shown)) {
    if (!Array.isArray(printed)) return `${path} is no list`;
    const isOpen = shown.at(-1) === LEFT_OUT;
    const wanted = isOpen ? shown.slice(0, -1) : shown;
    if (printed.length < wanted.length || (!isOpen && printed.length > wanted.length)) {
      return `${path} has ${printed.length} elements and not ${wanted.length}`;
    }
    return first(wanted.map((one, index) => differingMember(one, printed[index], `${path}[${index}]`)));
  }
  if (typeof shown === 'object' && shown !== null) {
    if (typeof printed !== 'object' || printed === null) return `${path} is no object`;
    const members = printed as Record<string, unknown>;
    return first(
      Object.entries(shown).map(([name, value]) =>
        name === LEFT_OUT ? undefined : differingMember(value, members[name], `${path}.${name}`),
      ),
    );
  }
  return isDeepStrictEqual(shown, printed) ? undefined : `${path} is ${JSON.stringify(printed)} and not ${shown}`;
}

const first = (found: (string | undefined)[]) => found.find((one) => one !== undefined);

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .filter((line) => line !== '');

/** Every line that the page shows is there, in order, and none between that it does not leave out. */
function linesMatch(shown: readonly string[], printed: readonly string[]): boolean {
  const [line, ...rest] = shown;
  if (line === undefined) return printed.length === 0;
  if (line === LEFT_OUT) return printed.some((_, index) => linesMatch(rest, printed.slice(index))) || rest.length === 0;
  const [head, ...tail] = printed;
  return head !== undefined && matches(line, head) && linesMatch(rest, tail);
}

function matches(shown: string, printed: string): boolean {
  const pattern = alike(shown)
    .split(LEFT_OUT)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`, 's').test(alike(printed));
}

function alike(text: string): string {
  return CHANGING.reduce((result, [name, pattern]) => result.replace(pattern, `<${name}>`), text);
}
