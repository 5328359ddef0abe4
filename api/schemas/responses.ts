import { z } from '@hono/zod-openapi';
import { errorSchema, schemaErrorSchema } from './common.ts';

/** A response with a JSON body, for the definition of a route. */
export function json<S extends z.ZodType>(schema: S, description: string) {
  return { content: { 'application/json': { schema } }, description };
}

/** 400: errors of shape have their own body; all others, whatever the status, have `{name, message}`. */
export const malformed = json(z.union([errorSchema, schemaErrorSchema]), 'Every problem of the request, by its path.');

/** Any other refusal. */
export function refused(description: string) {
  return json(errorSchema, description);
}

/** 403 where the table of rules decides. */
export const notAllowed = refused('The role or the scope of the caller does not allow it.');

/** 413 of every route that takes a body. */
export const tooLarge = refused('The body is too large.');

/** 415 of every route that takes JSON. */
export const notJson = json(schemaErrorSchema, 'The body is not JSON.');

/** 409 of a change of a database. */
export const conflict = refused(
  'The state of the database, or an earlier use of the Idempotency-Key, does not allow it.',
);
