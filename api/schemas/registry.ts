/** Databases by environment. Bodies of answers are those of the published user API: `port` and `active` are integers. */
import { z } from '@hono/zod-openapi';
import { storedText } from '../../domain/access/document/schema-members.ts';
import { IDENTIFIER_MAX_LENGTH, IDENTIFIER_RULE, isIdentifier } from '../../domain/identifiers.ts';
import { environmentProblem, registeredDatabaseProblem } from '../../domain/registry/names.ts';
import { endpointAddress } from './server.ts';

const MAX_NOTES = 4096;
const MAX_PAGE = 1000;

/** A string that has no problem. */
function checked(problem: (text: string) => string | undefined) {
  return z.string().superRefine((text, context) => {
    const message = problem(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });
}

const environmentName = checked(environmentProblem).openapi({ example: 'dev', minLength: 1, maxLength: 63 });
const registeredDatabaseName = checked(registeredDatabaseProblem).openapi({
  example: 'myapp_dev',
  minLength: 1,
  maxLength: 63,
});

/** As people write it: a boolean, or 0 and 1 as in answers. */
const active = z
  .union([z.boolean(), z.union([z.literal(0), z.literal(1)])])
  .transform(Boolean)
  .openapi({ description: 'Only active entries are found by env and database.' });

const members = {
  env: environmentName,
  db_name: registeredDatabaseName,
  hostname: endpointAddress.openapi({ example: 'pg-dev-01.example.com' }),
  port: z.int().min(1).max(65_535),
  active,
  notes: storedText(MAX_NOTES).nullable(),
  server: z
    .string()
    .max(IDENTIFIER_MAX_LENGTH)
    .refine(isIdentifier, IDENTIFIER_RULE)
    .describe('Registered server that the database is on; found by hostname and port where it is left out.'),
};

/** Body of a registration. */
export const registerEntrySchema = z
  .strictObject({
    ...members,
    port: members.port.default(5432),
    active: members.active.default(true),
    notes: members.notes.default(null),
    server: members.server.optional(),
  })
  .openapi('RegisterDatabaseRequest');

/** Body of a change: what is left out stays. */
export const changeEntrySchema = z
  .strictObject(members)
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'changes nothing: name at least one member')
  .openapi('ChangeRegistryEntryRequest');

/** An entry as the published list has it. */
export const entrySchema = z
  .object({
    id: z.int(),
    env: z.string(),
    db_name: z.string(),
    hostname: z.string(),
    port: z.int(),
    active: z.union([z.literal(0), z.literal(1)]),
    notes: z.string().nullable(),
    created_at: z.string().openapi({ example: '2026-03-01 09:30:00', description: 'UTC.' }),
    server: z.string().optional().describe('Registered server; in lists only with `include=server`.'),
  })
  .openapi('RegistryEntry');

export const entryListSchema = z
  .object({ count: z.int(), databases: z.array(entrySchema) })
  .openapi('RegistryEntryList');

/** What a list may be asked for beyond the published one. */
export const entryPageSchema = z.object({
  env: environmentName.optional().openapi({ description: 'Only this environment.' }),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).optional().openapi({ description: 'All of them unless given.' }),
  after_id: z.coerce.number().int().min(1).max(2_147_483_647).optional().openapi({
    description: 'Entries after this one, in the order of environment and name.',
  }),
  include: z.enum(['server']).optional(),
});
