import { z } from 'zod';

/** One entry of `database_users`. */
export const databaseUserSchema = z.object({
  username: z.string().min(1),
  password: z.string().min(1).optional().describe('Never returned. Left out of an update: the current one is kept.'),
  db_owner: z.boolean().optional(),
  attributes: z.array(z.string()).max(16).optional().describe('Such as LOGIN; without LOGIN the user cannot log in.'),
  roles: z.array(z.string()).max(16).optional().describe('Roles to grant to the user; they must exist.'),
  adopt: z
    .boolean()
    .optional()
    .describe('Take over a role of this name that exists already. Adopted roles are never dropped.'),
});
