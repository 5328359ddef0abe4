import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { z as zod } from 'zod';
import { ApiError } from '../errors.ts';
import { decodeJson } from '../request-validation.ts';
import { schemaProblemText } from '../schema-error-body.ts';
import { schemaProblems } from '../schema-problems.ts';

const BODY = { root: 'body', whole: 'body' };

/**
 * The JSON body of a request, whatever it is called: published clients send theirs without a media type, and an empty one for
 * an object without members.
 * @throws ApiError 400
 */
export async function readJson<Schema extends z.ZodType>(c: Context, schema: Schema): Promise<z.output<Schema>> {
  const bytes = await c.req.arrayBuffer();
  if (bytes.byteLength === 0) return parseBody(schema, {});
  const decoded = decodeJson(bytes);
  if ('problem' in decoded) throw new ApiError('invalid_input', decoded.problem);
  return parseBody(schema, decoded.value);
}

/** What a body has to be. @throws ApiError 400 with every problem */
export function parseBody<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [first, ...rest] = schemaProblems(parsed.error.issues, value, BODY);
  throw new ApiError(
    'invalid_input',
    first === undefined ? 'the body is not valid' : schemaProblemText([first, ...rest]),
  );
}

/** A body for the description of a route that reads it with {@link readJson}: not judged by its media type. */
export function describedBody(schema: z.ZodType) {
  const { $schema: _, ...described } = zod.toJSONSchema(schema, { io: 'input' });
  return { content: { 'application/json': { schema: described as object } }, required: false };
}
