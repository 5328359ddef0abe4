/** One character satisfies the test. */
export type CharacterTest = (character: string) => boolean;

/** A pattern, as its text says it. */
export type PatternNode =
  | { kind: 'one'; test: CharacterTest }
  | { kind: 'sequence'; parts: PatternNode[] }
  | { kind: 'choice'; options: PatternNode[] }
  | { kind: 'repeat'; part: PatternNode; min: number; max: number };

/** A reason, for the person who wrote the pattern. */
export class PatternProblem extends Error {}

/** Highest count of a repetition: no name is longer. */
const MAX_COUNT = 63;
const MAX_DEPTH = 20;

const CLASSES: Readonly<Record<string, CharacterTest>> = {
  d: (character) => /^[0-9]$/.test(character),
  w: (character) => /^[A-Za-z0-9_]$/.test(character),
};

/** @throws PatternProblem where the text is no pattern */
export function parsePattern(text: string): PatternNode {
  // Anchors are what people write; the pattern stands for the whole name anyway.
  const body = [...text.replace(/^\^/, '').replace(/(?<!\\)\$$/, '')];
  let at = 0;
  const peek = () => body[at];
  const fail = (reason: string): never => {
    throw new PatternProblem(`${reason}, at character ${at + 1 + (text.startsWith('^') ? 1 : 0)}`);
  };

  function choice(depth: number): PatternNode {
    if (depth > MAX_DEPTH) fail('groups are nested too deeply');
    const options = [sequence(depth)];
    while (peek() === '|') {
      at += 1;
      options.push(sequence(depth));
    }
    return options.length === 1 && options[0] !== undefined ? options[0] : { kind: 'choice', options };
  }

  function sequence(depth: number): PatternNode {
    const parts: PatternNode[] = [];
    for (let next = peek(); next !== undefined && next !== '|' && next !== ')'; next = peek()) {
      parts.push(repeated(atom(depth)));
    }
    return { kind: 'sequence', parts };
  }

  function atom(depth: number): PatternNode {
    const character = body[at] ?? '';
    if ('*+?{'.includes(character)) fail(`"${character}" has nothing to repeat`);
    if ('^$}]'.includes(character)) fail(`"${character}" must be escaped here`);
    if (character === '(') return group(depth);
    if (character === '[') return { kind: 'one', test: characterClass() };
    at += 1;
    if (character === '.') return { kind: 'one', test: () => true };
    if (character === '\\') return { kind: 'one', test: escaped() };
    return { kind: 'one', test: (other) => other === character };
  }

  function group(depth: number): PatternNode {
    at += 1;
    if (peek() === '?') {
      if (body[at + 1] !== ':') fail('only (…) and (?:…) are groups here');
      at += 2;
    }
    const inner = choice(depth + 1);
    if (peek() !== ')') fail('a group is not closed');
    at += 1;
    return inner;
  }

  /** What follows a backslash. */
  function escaped(): CharacterTest {
    const character = body[at] ?? fail('nothing follows the backslash');
    at += 1;
    const known = CLASSES[character];
    if (known !== undefined) return known;
    if (/[\p{L}\p{N}]/u.test(character)) fail(`"\\${character}" is not known`);
    return (other) => other === character;
  }

  function characterClass(): CharacterTest {
    at += 1;
    const negated = peek() === '^';
    if (negated) at += 1;
    const tests: CharacterTest[] = [];
    while (peek() !== ']') {
      const first = peek() ?? fail('a class is not closed');
      at += 1;
      if (first === '\\') {
        tests.push(escaped());
      } else if (peek() === '-' && body[at + 1] !== ']' && body[at + 1] !== undefined) {
        const last = body[at + 1] ?? '';
        at += 2;
        if (last === '\\' || last < first) fail(`"${first}-${last}" is no range`);
        tests.push((character) => character >= first && character <= last);
      } else {
        tests.push((character) => character === first);
      }
    }
    at += 1;
    if (tests.length === 0) fail('a class is empty');
    return (character) => tests.some((test) => test(character)) !== negated;
  }

  function repeated(part: PatternNode): PatternNode {
    const simple: Readonly<Record<string, [number, number]>> = { '?': [0, 1], '*': [0, Infinity], '+': [1, Infinity] };
    const character = peek() ?? '';
    let bounds = simple[character];
    if (bounds !== undefined) at += 1;
    if (character === '{') bounds = counted();
    if (bounds === undefined) return part;
    if ('*+?{'.includes(peek() ?? ' ')) fail('a repetition cannot be repeated');
    return { kind: 'repeat', part, min: bounds[0], max: bounds[1] };
  }

  function counted(): [number, number] {
    const [whole, min, comma, max] = /^\{(\d{1,2})(,?)(\d{0,2})\}/.exec(body.slice(at, at + 8).join('')) ?? [];
    if (whole === undefined) return fail('a count must be {2}, {2,} or {2,5}');
    const low = Number(min);
    const high = comma === '' ? low : max === '' ? Infinity : Number(max);
    if ((comma === '' && max !== '') || high < low || low > MAX_COUNT || (high > MAX_COUNT && high !== Infinity)) {
      fail(`counts are at most ${MAX_COUNT}, the lower one first`);
    }
    at += whole.length;
    return [low, high];
  }

  const whole = choice(0);
  if (at < body.length) fail('a group is closed that was not opened');
  return whole;
}
