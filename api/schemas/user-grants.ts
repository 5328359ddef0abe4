import { z } from '@hono/zod-openapi';
import { grantSchema, revokeSchema } from '../../domain/access/document/schema.ts';
import { SCHEMA_OBJECTS, type SchemaObjects } from '../../domain/users/schema-grants.ts';
import { placeSchema } from './users.ts';

const names = z.array(z.string().min(1)).min(1);
const privileges = z
  .union([z.string(), z.array(z.string()).min(1)])
  .describe('Keywords of GRANT, or `ALL`.')
  .openapi({ example: ['SELECT'] });
const later = z
  .union([z.boolean(), names])
  .optional()
  .describe('Objects that are made later, too: by whoever may create in the schema now (`true`), or by these roles.');

/** Either objects by `on`, as the role engine has them, or all of a kind in a schema by `schema` and `objects`. */
const objects = {
  on: grantSchema.shape.on.optional(),
  columns: grantSchema.shape.columns,
  grant_option: grantSchema.shape.grant_option,
  schema: z.string().min(1).optional().openapi({ example: 'app' }),
  objects: z
    .enum(Object.keys(SCHEMA_OBJECTS) as [SchemaObjects, ...SchemaObjects[]])
    .optional()
    .describe('`tables` are views and foreign tables, too.'),
  later,
};

function oneForm(body: z.output<z.ZodObject<typeof objects>>, context: z.core.$RefinementCtx): void {
  const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  if (body.on !== undefined) {
    for (const member of ['schema', 'objects'] as const) {
      if (body[member] !== undefined) problem(member, 'must be left out: "on" names the objects');
    }
    return;
  }
  if (body.schema === undefined) problem('schema', 'is missing: it takes "schema" and "objects", or "on"');
  else if (body.objects === undefined) problem('objects', 'is missing: it goes with "schema"');
  for (const member of ['columns', 'grant_option'] as const) {
    if (body[member] !== undefined) problem(member, 'goes with "on" only');
  }
}

export const userGrantSchema = z
  .strictObject({ ...placeSchema.shape, ...objects, privileges, to: grantSchema.shape.to })
  .superRefine(oneForm);

export const userRevokeSchema = z
  .strictObject({ ...placeSchema.shape, ...objects, privileges, from: revokeSchema.shape.from })
  .superRefine(oneForm);

export const grantAnswerSchema = z
  .object({
    env: z.string(),
    hostname: z.string(),
    database: z.string(),
    port: z.string(),
    status: z.string(),
    task_id: z.string(),
    steps: z.array(z.string()).describe('What was done; empty where everything was as asked.'),
    uncovered: z
      .array(z.string())
      .optional()
      .describe(
        'Roles whose later objects are not covered: superusers and others that the admin role may not act for.',
      ),
  })
  .openapi('EnvironmentGrant');

export const refreshAnswerSchema = z
  .object({
    env: z.string(),
    hostname: z.string(),
    database: z.string(),
    port: z.string(),
    groups: z.array(z.object({ kind: z.string(), role: z.string(), uncovered: z.array(z.string()) })),
  })
  .openapi('EnvironmentGroups');
