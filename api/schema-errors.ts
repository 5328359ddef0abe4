import type { Context } from 'hono';
import { requestIdOf } from './errors.ts';
import { familyOf, type ShapeProblems } from './families.ts';
import { SCHEMA_ERRORS } from './schema-problems.ts';

/** The answer to one or more problems with the shape of a request, as the family of its path has them. */
export function schemaErrorResponse(c: Context, problems: ShapeProblems): Response {
  c.set('errorName', problems[0].name);
  const { body, headers } = familyOf(c.req.path).shape(problems, requestIdOf(c));
  return c.json(body, SCHEMA_ERRORS[problems[0].name], headers);
}
