/**
 * The path to the role in a token's claims (`jwt-role-claim-key`). PostgREST wrote it in a syntax of its own up to 14 and
 * reads JSONPath (RFC 9535) since 16; a specification may use either, and each release gets the one it knows.
 */
import { Failure } from '../failures.ts';

/** `path`: `.a."b c"[0]`. `path with filters`: that and `[?(@ == "x")]`, since 13.0. `jsonpath`: `$.a["b c"][0]`, since 16.0. */
export type ClaimKeySyntax = 'path' | 'path with filters' | 'jsonpath';

/** How a filter compares the entries of an array with a text. */
type Comparison = 'equal' | 'unequal' | 'starts' | 'ends' | 'contains';

type Step =
  | { key: string }
  | { index: number }
  | { compare: Comparison; text: string }
  /** A filter of JSONPath that has no counterpart in the old syntax. */
  | { expression: string };

/** Operators of the old syntax. */
const OPERATORS: Readonly<Record<string, Comparison>> = {
  '==': 'equal',
  '!=': 'unequal',
  '^==': 'starts',
  '==^': 'ends',
  '*==': 'contains',
};
const OPERATOR_OF = new Map(Object.entries(OPERATORS).map(([operator, comparison]) => [comparison, operator]));

const OLD_KEY = /^\.(?:([\w$@]+)|"([^"]+)")/;
const NEW_KEY =
  /^(?:\.([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)|\["((?:[^"\\]|\\["\\/])+)"\]|\['((?:[^'\\]|\\['\\/])+)'\])/;
const INDEX = /^\[(\d{1,9})\]/;
const OLD_FILTER = /^\[\?\(@ ?(==\^|\^==|\*==|==|!=) ?"([^"]*)"\)\]/;
const NEW_COMPARISON = /^\[\?(?:@ ?(==|!=) ?"([^"\\]*)"|\(@ ?(==|!=) ?"([^"\\]*)"\))\]/;
/** Any other filter: brackets inside of it only within texts. */
const NEW_FILTER = /^\[(\?(?:[^"'[\]]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+)\]/;

/** Whether `text` is a path in one of the syntaxes. */
export function isClaimKey(text: string): boolean {
  return parse(text) !== undefined;
}

/**
 * `text` as a release with `syntax` reads it.
 * @throws Failure InvalidSpec where it is no path, or asks for what the release does not have
 */
export function claimKeyIn(syntax: ClaimKeySyntax, text: string): string {
  const steps = parse(text);
  if (steps === undefined) throw new Failure('InvalidSpec', `jwt_role_claim_key ${JSON.stringify(text)} is not a path`);
  return syntax === 'jsonpath'
    ? `$${steps.map(newStep).join('')}`
    : steps.map((step) => oldStep(step, syntax)).join('');
}

function parse(text: string): Step[] | undefined {
  const isNew = text.startsWith('$');
  const readStep = isNew ? readNew : readOld;
  const steps: Step[] = [];
  let rest = isNew ? text.slice(1) : text;
  while (rest !== '') {
    const read = readStep(rest);
    if (read === undefined) return undefined;
    steps.push(read.step);
    rest = rest.slice(read.length);
  }
  return steps.length === 0 ? undefined : steps;
}

interface Read {
  step: Step;
  length: number;
}

function readOld(text: string): Read | undefined {
  const filter = OLD_FILTER.exec(text);
  const comparison = OPERATORS[filter?.[1] ?? ''];
  if (filter !== null && comparison !== undefined) {
    return { step: { compare: comparison, text: filter[2] ?? '' }, length: filter[0].length };
  }
  return readKeyOrIndex(text, OLD_KEY);
}

function readNew(text: string): Read | undefined {
  const same = NEW_COMPARISON.exec(text);
  if (same !== null) {
    const compare = (same[1] ?? same[3]) === '==' ? 'equal' : 'unequal';
    return { step: { compare, text: same[2] ?? same[4] ?? '' }, length: same[0].length };
  }
  const filter = NEW_FILTER.exec(text);
  if (filter !== null) return { step: { expression: filter[1] ?? '' }, length: filter[0].length };
  return readKeyOrIndex(text, NEW_KEY);
}

function readKeyOrIndex(text: string, keyPattern: RegExp): Read | undefined {
  const index = INDEX.exec(text);
  if (index !== null) return { step: { index: Number(index[1]) }, length: index[0].length };
  const key = keyPattern.exec(text);
  if (key === null) return undefined;
  const quoted = key[2] ?? key[3];
  const name = key[1] ?? (keyPattern === NEW_KEY ? quoted?.replace(/\\(.)/g, '$1') : quoted) ?? '';
  return { step: { key: name }, length: key[0].length };
}

function oldStep(step: Step, syntax: ClaimKeySyntax): string {
  if ('index' in step) return `[${step.index}]`;
  if ('key' in step) {
    if (step.key.includes('"')) throw unfit('a key with a double quote');
    return /^[\w$@]+$/.test(step.key) ? `.${step.key}` : `."${step.key}"`;
  }
  if (syntax === 'path') throw unfit('filters');
  if ('expression' in step) throw unfit(`the filter [${step.expression}]`);
  if (step.text.includes('"')) throw unfit('a filter with a double quote');
  return `[?(@ ${OPERATOR_OF.get(step.compare)} "${step.text}")]`;
}

function newStep(step: Step): string {
  if ('index' in step) return `[${step.index}]`;
  if ('expression' in step) return `[${step.expression}]`;
  if ('key' in step) return /^[A-Za-z_]\w*$/.test(step.key) ? `.${step.key}` : `[${JSON.stringify(step.key)}]`;
  if (step.compare === 'equal') return `[?@ == ${JSON.stringify(step.text)}]`;
  if (step.compare === 'unequal') return `[?@ != ${JSON.stringify(step.text)}]`;
  const literal = step.text.replace(/[\\.*+?()[\]{}|^$]/g, '\\$&');
  const patterns = { starts: `^${literal}`, ends: `${literal}$`, contains: literal };
  return `[?search(@, ${JSON.stringify(patterns[step.compare])})]`;
}

function unfit(what: string): Failure {
  return new Failure('InvalidSpec', `jwt_role_claim_key: this release of PostgREST has no way to write ${what}`);
}
