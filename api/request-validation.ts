/** What a request must satisfy before a handler sees it: size, media type, encoding, shape. */
import type { Context, MiddlewareHandler, ValidationTargets } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from 'zod';
import { errorResponse, invalidInput } from './errors.ts';
import { MAX_IMPORT_BYTES } from './registry/import/limits.ts';
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

/** Paths that take more. */
const LARGER_BODIES: Readonly<Record<string, number>> = { '/api/v1/registry/import': MAX_IMPORT_BYTES };

/** Refuses bodies above 768 KiB with 413, whether or not they announce their length; where files are sent, above their bound. */
export function limitBody(): MiddlewareHandler {
  const limitTo = (maxSize: number) =>
    bodyLimit({
      maxSize,
      onError: (c) => errorResponse(c, 'payload_too_large', `the body exceeds ${maxSize} bytes`),
    });
  const usual = limitTo(MAX_BODY_BYTES);
  const larger = new Map(Object.entries(LARGER_BODIES).map(([path, maxSize]) => [path, limitTo(maxSize)]));
  return (c, next) => (larger.get(c.req.path) ?? usual)(c, next);
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
    const decoded = decodeJson(bytes);
    if ('problem' in decoded) return schemaErrorResponse(c, [{ name: 'decode_payload', message: decoded.problem }]);
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

/** Reads JSON, or says why it is none. The parser's own message is not used: it repeats pieces of the body, which has passwords. */
export function decodeJson(bytes: ArrayBuffer): { value: unknown } | { problem: string } {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) };
  } catch (err) {
    if (!(err instanceof SyntaxError)) return { problem: 'the body is not valid UTF-8' };
    const position = / at position (\d+)/.exec(err.message)?.[1];
    return {
      problem:
        position === undefined
          ? 'the body is not valid JSON'
          : `the body is not valid JSON: error at character ${Number(position) + 1}`,
    };
  }
}
