import type { z } from 'zod';
import { type Problem, quoted } from '../../spec/problems.ts';
import { accessDocumentSchema, type SubmittedDocument } from './schema.ts';

/** A document, as far as its shape is right: what is wrong is there, but undefined. */
export type Sound<T> = T extends readonly (infer Entry)[]
  ? (Sound<Entry> | undefined)[]
  : T extends object
    ? { [Member in keyof T]?: Sound<T[Member]> | undefined }
    : T;

/** Values of one document. Without a bound, mistakes by the hundred thousand would exhaust the stack of zod. */
const MAX_VALUES = 100_000;
/** Deepest nesting, with room to spare; names of a selector lie at 7. */
const MAX_DEPTH = 12;

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** What is wrong with the shape of a document, and the rest of it, in which further problems can be looked for. */
export function checkShape(submitted: unknown): { problems: Problem[]; sound: Sound<SubmittedDocument> } {
  const size = measure(submitted);
  if (size.problem !== undefined) return { problems: [{ path: '', message: size.problem }], sound: {} };
  const json = size.hasUndefined ? definedPart(submitted) : submitted;
  const parsed = accessDocumentSchema.safeParse(json);
  if (parsed.success) return { problems: [], sound: parsed.data };
  const issues = parsed.error.issues.flatMap(withoutUnion);
  const problems = new Map<string, Problem>();
  for (const problem of issues.flatMap((issue) => problemsOf(issue, json))) {
    // A member that is wrong twice is told about once.
    if (!problems.has(problem.path)) problems.set(problem.path, problem);
  }
  return { problems: [...problems.values()], sound: soundPart(json, issues) };
}

/** Walks without recursion: the submitted value may be nested as deeply as a request is long. */
function measure(submitted: unknown): { problem?: string; hasUndefined: boolean } {
  let level = [submitted];
  let values = 1;
  let hasUndefined = false;
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return { problem: `must not be nested more than ${MAX_DEPTH} levels deep`, hasUndefined };
    const next: unknown[] = [];
    for (const value of level) {
      if (value === undefined) hasUndefined = true;
      if (typeof value !== 'object' || value === null) continue;
      for (const member of Object.values(value)) next.push(member);
    }
    values += next.length;
    if (values > MAX_VALUES) return { problem: `must not have more than ${MAX_VALUES} values`, hasUndefined };
    level = next;
  }
  return { hasUndefined };
}

/** The alternative of a union that was meant: the one whose type fits, and of those the one that went furthest. */
function withoutUnion(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.find((errors) => !errors.some(isWrongType));
  if (meant === undefined) return [issue];
  return meant.flatMap((inner) => withoutUnion({ ...inner, path: [...issue.path, ...inner.path] }));
}

/** A copy without members that are undefined: they say no more than members that are not there. */
function definedPart(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(definedPart);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, definedPart(member)]));
}

function isWrongType(issue: Issue): boolean {
  return issue.code === 'invalid_type' && issue.path.length === 0;
}

function problemsOf(issue: Issue, submitted: unknown): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: pathText([...issue.path, key]), message: 'is not known here' }));
  }
  const isMissing = valueAt(submitted, issue.path) === undefined;
  return [{ path: pathText(issue.path), message: isMissing ? 'is missing' : messageOf(issue) }];
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  int: 'a whole number',
  number: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

/** In words of its own: those of zod may hold what was submitted. */
function messageOf(issue: Issue): string {
  switch (issue.code) {
    case 'custom':
      return issue.message;
    case 'invalid_type':
      return `must be ${typeName(issue)}`;
    case 'invalid_union':
      return `must be ${issue.errors.flatMap((errors) => errors.filter(isWrongType).map(typeName)).join(' or ')}`;
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'too_small':
      return issue.origin === 'array' ? 'must not be empty' : `must be at least ${issue.minimum}`;
    case 'too_big':
      return tooBig(issue);
    default:
      return 'must consist of letters, digits, "_" and "$", and not start with a digit; dots separate such names';
  }
}

function typeName(issue: Issue): string {
  return TYPE_NAMES['expected' in issue ? issue.expected : ''] ?? 'of another type';
}

function tooBig({ origin, maximum }: z.core.$ZodIssueTooBig): string {
  if (origin === 'array') return `must not have more than ${maximum} entries`;
  return origin === 'string' ? `must not be longer than ${maximum} characters` : `must be at most ${maximum}`;
}

/** `databases[0].grants[3].privileges[1]`; a member that no document has is quoted, and cut. */
function pathText(path: Path): string {
  return path.reduce<string>((text, member) => {
    if (typeof member === 'number') return `${text}[${member}]`;
    const name = /^\w{1,60}$/.test(String(member)) ? String(member) : quoted(String(member));
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

/** A copy in which what is wrong is undefined. Members that are not known may stay: nobody asks for them. */
function soundPart(json: unknown, issues: readonly Issue[]): Sound<SubmittedDocument> {
  if (issues.some(({ code, path }) => code !== 'unrecognized_keys' && path.length === 0)) return {};
  const copy = structuredClone(json) as Sound<SubmittedDocument>;
  for (const { code, path } of issues) {
    if (code === 'unrecognized_keys') continue;
    const parent = valueAt(copy, path.slice(0, -1));
    const member = path.at(-1);
    if (typeof parent === 'object' && parent !== null && member !== undefined) Reflect.set(parent, member, undefined);
  }
  return copy;
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, member) => {
    return typeof at === 'object' && at !== null && Object.hasOwn(at, member) ? Reflect.get(at, member) : undefined;
  }, value);
}
