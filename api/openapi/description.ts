import type { OpenAPIHono } from '@hono/zod-openapi';
import { ROUTE_RULES } from '../access/rules.ts';
import type { ApiVariables } from '../caller.ts';
import { commonAnswers } from './common-answers.ts';
import { tagOf, tagsOf } from './families.ts';
import { operationIdOf } from './operation-id.ts';
import { SECURITY_SCHEMES, securityOf, whoMay } from './security.ts';

type Generated = ReturnType<OpenAPIHono<ApiVariables>['getOpenAPI31Document']>;
type PathItem = NonNullable<Generated['paths']>[string];
type OperationObject = NonNullable<PathItem['get']>;

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

const INTRODUCTION = `Databases, users, roles and PostgREST services of PostgreSQL servers.

Four families share one server: databases and services, and everything of pgsteward's own, below \`/v1\`; users by environment
below \`/api/v1\`; roles of clusters at \`/account\`, \`/teams\`, \`/clusters\` and \`/access-tokens\`. Each has errors of its own shape.`;

/**
 * The API as an OpenAPI 3.1 document: what the routes say of themselves, which is what requests are judged by, completed with what
 * holds for all of them: names, groups, who may call, and the answers of what stands before the routes.
 */
export function describeApi(app: OpenAPIHono<ApiVariables>, version: string): Generated {
  const generated = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'pgsteward',
      version,
      description: INTRODUCTION,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/' }],
  });
  const paths = Object.fromEntries(
    Object.entries(generated.paths ?? {}).map(([path, item]) => [path, completeItem(path, item)]),
  );
  const used = new Set(Object.keys(paths).map(tagOf));
  return {
    ...generated,
    tags: tagsOf(used),
    paths,
    components: { ...generated.components, securitySchemes: SECURITY_SCHEMES },
  };
}

function completeItem(path: string, item: PathItem): PathItem {
  const completed = { ...item };
  for (const method of METHODS) {
    const operation = item[method];
    if (operation !== undefined) completed[method] = complete(method, path, operation);
  }
  return completed;
}

function complete(method: string, path: string, operation: OperationObject): OperationObject {
  const rule = ROUTE_RULES[`${method.toUpperCase()} ${path}`];
  // Refused to everybody, and found by the tests: there is nothing true to say of who may call it.
  if (rule === undefined) return operation;
  const responses = operation.responses ?? {};
  const types = bodyTypes(operation);
  const common = commonAnswers(
    {
      path,
      rule,
      takesInput: types.length > 0 || (operation.parameters ?? []).length > 0,
      body: { any: types.length > 0, json: types.includes('application/json') },
    },
    new Set(Object.keys(responses)),
  );
  return {
    operationId: operationIdOf(method, path),
    ...operation,
    tags: operation.tags ?? [tagOf(path)],
    description: [operation.description, whoMay(rule)].filter((text) => text !== undefined).join('\n\n'),
    security: securityOf(path, rule),
    responses: { ...responses, ...common },
  };
}

function bodyTypes({ requestBody }: OperationObject): string[] {
  return requestBody !== undefined && 'content' in requestBody ? Object.keys(requestBody.content) : [];
}
