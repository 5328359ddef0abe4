import { z } from '@hono/zod-openapi';
import { json } from './responses.ts';

/** Body of every error below `/api`; `code` is there when the endpoint itself is missing or does not take the method. */
const environmentErrorSchema = z.object({ error: z.string(), code: z.int().optional() }).openapi('EnvironmentError', {
  example: { error: "No registry entry found for env='dev' database='myapp_dev'" },
});

/** A refusal of a route below `/api`. */
export function refusedWithError(description: string) {
  return json(environmentErrorSchema, description);
}
