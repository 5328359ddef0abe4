import { z } from '@hono/zod-openapi';

const names = z.array(z.string());

/** Why a role can do something, or cannot. */
export const explanationSchema = z
  .object({
    allowed: z.boolean().openapi({ description: 'The role has the privilege without SET ROLE.' }),
    usable: z.boolean().openapi({ description: 'And it gets to the object: into the database, through the schema.' }),
    sentence: z.string(),
    ways: z.array(
      z.object({
        via: z.string().openapi({ example: 'member' }),
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
