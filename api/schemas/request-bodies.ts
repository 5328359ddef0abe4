import type { z } from '@hono/zod-openapi';

/** A JSON body that a request must have, for the definition of a route. */
export function jsonBody<S extends z.ZodType>(schema: S) {
  return { content: { 'application/json': { schema } }, required: true as const };
}

/** A JSON body that a request may leave out. */
export function optionalJsonBody<S extends z.ZodType>(schema: S) {
  return { content: { 'application/json': { schema } }, required: false as const };
}
