/**
 * Errors about the shape of a request, in the form of the framework that published clients were generated with
 * (https://github.com/goadesign/goa, package `goa`): no `goa-error` header, several problems joined with "; ".
 */
import { randomBytes } from 'node:crypto';
import type { Context } from 'hono';
import { SCHEMA_ERRORS, type SchemaErrorName, type SchemaProblem } from './schema-problems.ts';

/** Body of such an error. `id` is 8 characters, unique for each answer. */
export interface SchemaErrorBody {
  name: SchemaErrorName;
  id: string;
  message: string;
  temporary: boolean;
  timeout: boolean;
  fault: boolean;
}

/** Most problems of one answer. */
const MAX_PROBLEMS = 50;

/** The answer to one or more problems; the first one gives status and name. */
export function schemaErrorResponse(c: Context, problems: readonly [SchemaProblem, ...SchemaProblem[]]): Response {
  const [{ name }] = problems;
  c.set('errorName', name);
  const body: SchemaErrorBody = {
    name,
    id: randomBytes(6).toString('base64url'),
    message: joined(problems),
    temporary: false,
    timeout: false,
    fault: false,
  };
  return c.json(body, SCHEMA_ERRORS[name]);
}

function joined(problems: readonly SchemaProblem[]): string {
  const messages = problems.slice(0, MAX_PROBLEMS).map(({ message }) => message);
  if (problems.length > MAX_PROBLEMS) messages.push(`and ${problems.length - MAX_PROBLEMS} more`);
  return messages.join('; ');
}
