/** What a request must satisfy before a handler sees it: size, media type, encoding, shape. */
import type { Context, MiddlewareHandler, ValidationTargets } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from 'zod';
import { errorResponse, invalidInput } from './errors.ts';
import { schemaErrorResponse } from './schema-errors.ts';
import { schemaProblems, type ValueSource } from './schema-problems.ts';

/** Two scripts of the greatest length (512 KiB) and the rest of a specification fit; a megabyte does not. */
const MAX_BODY_BYTES = 768 * 1024;

const SOURCES: Readonly<Record<keyof ValidationTargets, ValueSource>> = {
  json: { root: 'body', whole: 'body' },
  form: { root: 'body', whole: 'body' },
  query: { root: '', whole: 'query string' },
  param: { root: '', whole: 'path' },
  header: { root: '', whole: 'header' },
  cookie: { root: '', whole: 'cookie' },
};

/** What zod-openapi tells its hook; `data` is what was judged, also after a failure. */
interface Validation {
  target: keyof ValidationTargets;
  success: boolean;
  error?: z.ZodError;
  data?: unknown;
}

/** Refuses bodies above 768 KiB with 413, whether or not they announce their length. */
export function limitBody(): MiddlewareHandler {
  return bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: (c) => errorResponse(c, 'payload_too_large', `the body exceeds ${MAX_BODY_BYTES} bytes`),
  });
}

/**
 * Lets only a JSON body pass: 415 for any other media type or none, 400 for an empty or malformed body. Comes before
 * the validators of a route with a required body, which would take a body of another type for an empty object.
 */
export function requireJsonBody(): MiddlewareHandler {
  return async (c, next) => {
    const mediaType = c.req.header('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase();
    if (mediaType !== 'application/json') {
      const message = 'unsupported media type: the body must be application/json';
      return schemaErrorResponse(c, [{ name: 'unsupported_media_type', message }]);
    }
    const bytes = await c.req.arrayBuffer();
    if (bytes.byteLength === 0) {
      return schemaErrorResponse(c, [{ name: 'missing_payload', message: 'missing required payload' }]);
    }
    const problem = jsonProblem(bytes);
    if (problem !== undefined) return schemaErrorResponse(c, [{ name: 'decode_payload', message: problem }]);
    return next();
  };
}

/**
 * Answers a request whose shape is wrong. For `new OpenAPIHono({ defaultHook: answerInvalidShape })`. Path identifiers of
 * the wrong form are the application's to refuse; everything else is in the framework's form.
 */
export function answerInvalidShape({ target, success, error, data }: Validation, c: Context): Response | undefined {
  if (success || error === undefined) return undefined;
  const { issues } = error;
  if (target === 'param' && issues.every(({ code }) => code === 'custom')) {
    throw invalidInput(issues.map(({ path, message }) => ({ path: path.join('.'), message })));
  }
  const shape = target === 'param' ? issues.filter(({ code }) => code !== 'custom') : issues;
  const [first, ...rest] = schemaProblems(shape, data, SOURCES[target]);
  return first && schemaErrorResponse(c, [first, ...rest]);
}

/** Why `bytes` are not JSON; undefined where they are. The parser's own message is not used: it repeats pieces of the body, which has passwords. */
export function jsonProblem(bytes: ArrayBuffer): string | undefined {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return undefined;
  } catch (err) {
    if (!(err instanceof SyntaxError)) return 'the body is not valid UTF-8';
    const position = / at position (\d+)/.exec(err.message)?.[1];
    return position === undefined
      ? 'the body is not valid JSON'
      : `the body is not valid JSON: error at character ${Number(position) + 1}`;
  }
}
