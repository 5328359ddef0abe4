import { z } from '@hono/zod-openapi';

/** Texts that the framework of published servers takes for a boolean in a query string. */
const BOOLEANS: ReadonlyMap<unknown, boolean> = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false] as const),
]);

/** A flag in the query string; false where it is not there. */
export const flag = z
  .preprocess((text) => BOOLEANS.get(text) ?? text, z.boolean().default(false))
  .openapi({ type: 'boolean', default: false });
