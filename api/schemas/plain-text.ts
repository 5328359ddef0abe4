import { z } from '@hono/zod-openapi';

/** Text on one line: PostgreSQL takes no NUL, and what people read has no control characters. */
export function plainText(maxLength: number) {
  return (
    z
      .string()
      .min(1)
      .max(maxLength)
      .regex(/^\P{Cc}*$/u, 'must not have control characters')
      // The same without a property of Unicode, which readers of the description need not know.
      .openapi({ pattern: String.raw`^[^\u0000-\u001f\u007f-\u009f]*$` })
  );
}
