/** Answers that routes do not describe themselves, because what stands before them gives them: rules, limits, outages. */
import type { RouteRule } from '../access/rules.ts';
import { type DescribedFamily, describedFamily } from './families.ts';

/** What of an operation decides which of these it may give. */
export interface Operation {
  path: string;
  rule: RouteRule;
  takesInput: boolean;
  body: { json: boolean; any: boolean };
}

interface CommonAnswer {
  description: string;
  applies(operation: Operation): boolean;
  /** An error of the shape of the request, rather than of the application. */
  ofShape?: 'always' | 'also';
}

const isKnown = ({ rule }: Operation): boolean => rule.roles !== 'anyone';

const COMMON_ANSWERS: Readonly<Record<number, CommonAnswer>> = {
  400: {
    description: 'Every problem of the request, by its path.',
    applies: ({ takesInput }) => takesInput,
    ofShape: 'also',
  },
  401: { description: 'No credentials, or such as are not accepted.', applies: isKnown },
  403: {
    description: 'Role or scope of the caller do not allow it, or a web page of somebody else asks.',
    applies: () => true,
  },
  404: {
    description: 'There is no such thing, or none that the caller may see.',
    applies: ({ rule: { subject } }) => typeof subject === 'object' && 'kind' in subject,
  },
  413: { description: 'The body is too large.', applies: ({ body }) => body.any },
  415: { description: 'The body is not of a type that is taken.', applies: ({ body }) => body.any, ofShape: 'always' },
  429: { description: 'Too many attempts; `Retry-After` has the seconds.', applies: isKnown },
  500: { description: 'An error of this program; the log has it under the id of the request.', applies: () => true },
  503: {
    description: 'A part that the request needs does not answer; `Retry-After` has the seconds.',
    applies: () => true,
  },
};

/** Those that an operation may give and does not describe itself. */
export function commonAnswers(operation: Operation, described: ReadonlySet<string>): Record<string, object> {
  const family = describedFamily(operation.path);
  const missing = Object.entries(COMMON_ANSWERS).filter(
    ([status, { applies }]) => !described.has(status) && applies(operation),
  );
  return Object.fromEntries(
    missing.map(([status, { description, ofShape }]) => [
      status,
      { description, content: { 'application/json': { schema: schemaOf(family, ofShape) } } },
    ]),
  );
}

function schemaOf({ error, shapeError }: DescribedFamily, ofShape: CommonAnswer['ofShape']): object {
  const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  if (shapeError === undefined || ofShape === undefined) return ref(error);
  return ofShape === 'always' ? ref(shapeError) : { anyOf: [ref(error), ref(shapeError)] };
}
