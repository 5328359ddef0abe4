import { z } from '@hono/zod-openapi';
import { IDENTIFIER_MAX_LENGTH, IDENTIFIER_RULE, isIdentifier } from '../../domain/identifiers.ts';

/** RFC 3339 with whole seconds. */
export const timestamp = z.iso.datetime().openapi({ example: '2026-07-16T07:19:59Z' });

/** An identifier in a response. */
export const identifier = z.string().openapi({ example: 'storefront' });

/** An identifier in the path: too long is an error of shape, any other form one of the application. */
export function pathIdentifier(name: string, example = 'storefront') {
  return z
    .string()
    .min(1)
    .max(IDENTIFIER_MAX_LENGTH)
    .refine(isIdentifier, IDENTIFIER_RULE)
    .openapi({ param: { name, in: 'path' }, example });
}

/** Body of an application error; its name is also in the header `goa-error`. */
export const errorSchema = z
  .object({ name: z.string(), message: z.string() })
  .openapi('APIError', { example: { name: 'not_found', message: 'no database found with the given ID' } });

/** Body of an error of shape. */
export const schemaErrorSchema = z
  .object({
    name: z.string(),
    id: z.string().length(8),
    message: z.string(),
    temporary: z.boolean(),
    timeout: z.boolean(),
    fault: z.boolean(),
  })
  .openapi('SchemaError');

/** Headers of every request that changes something. */
export const idempotencyHeaders = z.object({
  'idempotency-key': z.string().min(1).max(255).optional().describe('Makes a repeated request safe for 10 minutes.'),
});
