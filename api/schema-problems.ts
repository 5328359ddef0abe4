/** What zod found wrong with a request, in the words of the framework that published clients were generated with. */
import type { z } from 'zod';
import { isSecretKey } from '../domain/spec/secrets.ts';

/** HTTP status by name of the error. */
export const SCHEMA_ERRORS = {
  missing_field: 400,
  invalid_field_type: 400,
  invalid_enum_value: 400,
  invalid_pattern: 400,
  invalid_length: 400,
  invalid_range: 400,
  invalid_format: 400,
  decode_payload: 400,
  missing_payload: 400,
  unsupported_media_type: 415,
} as const;

export type SchemaErrorName = keyof typeof SCHEMA_ERRORS;

/** One reason, in the framework's words. */
export interface SchemaProblem {
  name: SchemaErrorName;
  message: string;
}

/** Where the judged value came from: its name in messages, and how to speak of it as a whole. */
export interface ValueSource {
  /** `body`, or empty for parameters, which go by their own name. */
  root: string;
  /** `body`, `query string`, … */
  whole: string;
}

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** Longest piece of a submitted value or name that is repeated. */
const MAX_ECHO_LENGTH = 80;

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  boolean: 'a boolean',
  array: 'an array',
  object: 'an object',
  record: 'an object',
};

/** Problems that zod found in `value`, at most one for each place. Values of secrets are never repeated. */
export function schemaProblems(issues: readonly Issue[], value: unknown, source: ValueSource): SchemaProblem[] {
  const places = new Set<string>();
  return issues.flatMap((issue) => {
    const place = JSON.stringify(issue.path.map(String));
    if (places.has(place)) return [];
    places.add(place);
    return [schemaProblem(issue, value, source)];
  });
}

function schemaProblem(issue: Issue, value: unknown, source: ValueSource): SchemaProblem {
  const name = pathName(issue.path, source.root);
  const found = valueAt(value, issue.path);
  if (found === undefined || found === null) return missing(issue.path, source);
  switch (issue.code) {
    case 'invalid_value': {
      const allowed = issue.values.map((one) => JSON.stringify(String(one))).join(', ');
      return {
        name: 'invalid_enum_value',
        message: `value of ${name} must be one of ${allowed}${echo(issue.path, found)}`,
      };
    }
    case 'invalid_format':
      return formatProblem(issue, name, echo(issue.path, found));
    case 'too_small':
    case 'too_big':
      return limitProblem(issue, name, found);
    case 'unrecognized_keys': {
      const names = issue.keys.map((key) => JSON.stringify(key.slice(0, MAX_ECHO_LENGTH))).join(', ');
      return { name: 'invalid_format', message: `${name} has no field ${names}` };
    }
    case 'custom':
      return { name: 'invalid_format', message: `${name} ${issue.message}` };
    default: {
      const expected = 'expected' in issue ? TYPE_NAMES[issue.expected] : undefined;
      return {
        name: 'invalid_field_type',
        message: `invalid value for ${JSON.stringify(name)}, must be ${expected ?? 'of another type'}`,
      };
    }
  }
}

function missing(path: Path, { root, whole }: ValueSource): SchemaProblem {
  const member = path.at(-1);
  if (member === undefined) return { name: 'missing_payload', message: 'missing required payload' };
  const parent = path.length === 1 ? whole : pathName(path.slice(0, -1), root);
  return { name: 'missing_field', message: `${JSON.stringify(cut(String(member)))} is missing from ${parent}` };
}

function formatProblem(issue: z.core.$ZodIssueInvalidStringFormat, name: string, got: string): SchemaProblem {
  if (issue.format !== 'regex') {
    return { name: 'invalid_format', message: `${name} must be formatted as a ${issue.format}${got}` };
  }
  const pattern = JSON.stringify(issue.pattern?.replace(/^\/|\/[a-z]*$/g, '') ?? '');
  return { name: 'invalid_pattern', message: `${name} must match the regexp ${pattern}${got}` };
}

function limitProblem(
  issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig,
  name: string,
  found: unknown,
): SchemaProblem {
  const limit =
    issue.code === 'too_small' ? `greater or equal than ${issue.minimum}` : `lesser or equal than ${issue.maximum}`;
  // Numbers in parameters come as text: what counts is what the limit is on.
  if (issue.origin === 'number' || issue.origin === 'int') {
    return { name: 'invalid_range', message: `${name} must be ${limit}${echo(issue.path, Number(found))}` };
  }
  const length = typeof found === 'string' || Array.isArray(found) ? ` but got length ${found.length}` : '';
  return { name: 'invalid_length', message: `length of ${name} must be ${limit}${length}` };
}

/** What was sent, unless it may be a secret. */
function echo(path: Path, found: unknown): string {
  if (path.some((member) => typeof member === 'string' && isSecretKey(member))) return '';
  if (typeof found !== 'string' && typeof found !== 'number') return '';
  return ` but got value ${typeof found === 'number' ? found : JSON.stringify(cut(found))}`;
}

function pathName(path: Path, root: string): string {
  return path.reduce<string>((name, member) => {
    if (typeof member === 'number') return `${name}[${member}]`;
    return name === '' ? cut(String(member)) : `${name}.${cut(String(member))}`;
  }, root);
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, member) => {
    // A parameter that may be repeated, given once: a list of one.
    if (typeof at === 'string' && member === 0) return at;
    return typeof at === 'object' && at !== null ? Object.getOwnPropertyDescriptor(at, member)?.value : undefined;
  }, value);
}

function cut(text: string): string {
  return text.length > MAX_ECHO_LENGTH ? `${text.slice(0, MAX_ECHO_LENGTH)}…` : text;
}
