/**
 * How each family of the API tells what went wrong. Published clients of a family read its own shape, so every error that is
 * rendered anywhere asks this table.
 */
import type { ApiErrorName } from './errors.ts';
import { schemaErrorBody, schemaProblemText } from './schema-error-body.ts';
import type { SchemaProblem } from './schema-problems.ts';

/** An error of the application. */
export interface Refusal {
  name: ApiErrorName;
  status: number;
  message: string;
  /** The endpoint is missing or does not take the method, as opposed to what a request is about. */
  ofEndpoint: boolean;
  requestId: string;
}

/** Body of an answer, and headers that the family adds where the error has none of its own. */
export interface Rendering {
  body: object;
  headers?: Readonly<Record<string, string>>;
}

/** What is wrong with the shape of a request; the first problem gives the status. */
export type ShapeProblems = readonly [SchemaProblem, ...SchemaProblem[]];

export interface ApiFamily {
  /** Paths that are one of these or below one of them belong to the family. */
  prefixes: readonly string[];
  refusal(of: Refusal): Rendering;
  shape(problems: ShapeProblems, requestId: string): Rendering;
  /** Which request ids of callers are kept; any that looks like one, unless given. */
  requestIds?: RegExp;
}

/** What the published user API says of its endpoints themselves. */
const ENDPOINT_ERRORS: Readonly<Record<number, string>> = { 404: 'Endpoint not found', 405: 'Method not allowed' };

/** Users by environment, `{"error": …}`: https://github.com/pcraavi/PostgreSQL-user-creation-API, app.py. */
export const environments: ApiFamily = {
  prefixes: ['/api'],
  refusal({ name, status, message, ofEndpoint }) {
    if (ofEndpoint) return { body: { error: ENDPOINT_ERRORS[status] ?? message, code: status } };
    if (name !== 'unauthorized') return { body: { error: message } };
    // What would be accepted stands in the header that the error brings along.
    return { body: { error: 'Unauthorized' } };
  },
  shape: (problems) => ({ body: { error: schemaProblemText(problems) } }),
};

/** Statuses that may be others when the same request comes again. */
const TRANSIENT: ReadonlySet<number> = new Set([429, 500, 503]);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Clusters and their roles: https://docs.crunchybridge.com/api-concepts/errors. Its command line ends without a `message`. */
export const clusters: ApiFamily = {
  prefixes: ['/account', '/teams', '/clusters', '/access-tokens'],
  refusal: ({ status, message, requestId }) => ({
    body: { code: null, is_transient: TRANSIENT.has(status), message, request_id: requestId },
  }),
  shape: (problems, requestId) => ({
    body: { code: null, is_transient: false, message: schemaProblemText(problems), request_id: requestId },
  }),
  requestIds: UUID,
};

/** Databases and services, and everything of our own: `{name, message}` with the name again in a header. */
const contract: ApiFamily = {
  prefixes: [''],
  refusal: ({ name, message }) => ({ body: { name, message }, headers: { 'goa-error': name } }),
  shape: (problems) => ({ body: schemaErrorBody(problems) }),
};

/** The first family that a path belongs to counts. */
const FAMILIES: readonly ApiFamily[] = [environments, clusters, contract];

/** The family of a path. */
export function familyOf(path: string): ApiFamily {
  const isOf = (prefix: string) => path === prefix || path.startsWith(`${prefix}/`);
  return FAMILIES.find(({ prefixes }) => prefixes.some(isOf)) ?? contract;
}
