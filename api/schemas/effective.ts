import { z } from '@hono/zod-openapi';

const names = z.array(z.string());

/** Everything that a role may do. */
export const privilegeListSchema = z
  .object({
    privileges: z.array(
      z.object({
        database: z.string(),
        object: z.string().openapi({ example: 'table billing.cards' }),
        kind: z.string(),
        schema: z.string().nullable(),
        count: z.number().int().openapi({ description: 'Objects of which this holds.' }),
        names: names.openapi({ description: 'The first ones.' }),
        column: z.string().optional(),
        privileges: names.openapi({ description: 'Empty for superusers, who have all.' }),
        with_grant_option: z.boolean(),
        grantors: names,
        via: z.enum(['superuser', 'owner', 'direct', 'member', 'predefined', 'public', 'set_role']),
        path: names.openapi({ description: 'Roles from the one asked about to the one that has the right.' }),
        set_role: z.string().optional(),
      }),
    ),
    more: z.number().int().openapi({ description: 'How many more there are; ask with a filter.' }),
  })
  .openapi('PrivilegeList');

/** One thing that is worth a look. */
export const findingSchema = z.object({
  kind: z.string(),
  sentence: z.string(),
  role: z.string().optional(),
  database: z.string().optional(),
  object: z.string().optional(),
});

/** What is worth a look on a server. */
export const findingsSchema = z
  .object({
    findings: z.array(findingSchema),
    more: z.record(z.string(), z.number().int()).openapi({ description: 'How many more there are of a kind.' }),
  })
  .openapi('Findings');

/** Why a role can do something, or cannot. */
export const explanationSchema = z
  .object({
    allowed: z.boolean().openapi({ description: 'The role has the privilege without SET ROLE.' }),
    usable: z.boolean().openapi({ description: 'And it gets to the object: into the database, through the schema.' }),
    sentence: z.string(),
    ways: z.array(
      z.object({
        via: z.enum(['superuser', 'owner', 'direct', 'member', 'predefined', 'public', 'set_role']),
        path: names.openapi({ description: 'Roles from the one asked about to the one that has the right.' }),
        usable: z.boolean(),
        sentence: z.string(),
      }),
    ),
    more_ways: z.boolean(),
    set_roles: names.openapi({ description: 'Roles to which it can SET ROLE where it cannot do so as itself.' }),
    row_security: z.enum(['applies', 'exempt']).nullable(),
    obstacles: names,
    notes: names,
  })
  .openapi('AccessExplanation');
