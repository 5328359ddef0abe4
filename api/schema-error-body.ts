/**
 * Errors about the shape of a request, in the form of the framework that published clients were generated with
 * (https://github.com/goadesign/goa, package `goa`): no `goa-error` header, several problems joined with "; ".
 */
import { randomBytes } from 'node:crypto';
import type { SchemaErrorName, SchemaProblem } from './schema-problems.ts';

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

/** The body for one or more problems; the first one gives the name. */
export function schemaErrorBody(problems: readonly [SchemaProblem, ...SchemaProblem[]]): SchemaErrorBody {
  return {
    name: problems[0].name,
    id: randomBytes(6).toString('base64url'),
    message: schemaProblemText(problems),
    temporary: false,
    timeout: false,
    fault: false,
  };
}

/** All problems in one line. */
export function schemaProblemText(problems: readonly SchemaProblem[]): string {
  const messages = problems.slice(0, MAX_PROBLEMS).map(({ message }) => message);
  if (problems.length > MAX_PROBLEMS) messages.push(`and ${problems.length - MAX_PROBLEMS} more`);
  return messages.join('; ');
}
