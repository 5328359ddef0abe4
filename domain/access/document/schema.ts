/**
 * Shape of an access document: members, types, lengths and names. Unknown members are problems. What takes more than one
 * member to judge is in `parse.ts`.
 */
import { z } from 'zod';
import { ALLOWANCES } from '../document.ts';
import { databaseSchema } from './schema-databases.ts';
import { list } from './schema-members.ts';
import { membershipSchema, roleSchema, settingSchema } from './schema-roles.ts';

export { grantSchema, revokeSchema } from './schema-databases.ts';

/** The document as it is submitted. Nothing in it is transformed, so that what is parsed is what was sent. */
export const accessDocumentSchema = z
  .strictObject({
    allow: list(z.enum(ALLOWANCES))
      .optional()
      .describe(
        'What the document may ask for only when it says so: `superuser` (superusers, and membership in them), `server_access` (roles that reach the host of the server), `legacy_names` (new roles whose names need quotes), `cascade` (revoking what others granted on).',
      ),
    roles: list(roleSchema)
      .optional()
      .describe('Roles that are to exist. Members left out stay as they are, or get the defaults of CREATE ROLE.'),
    memberships: list(membershipSchema)
      .optional()
      .describe('Single memberships, beside the complete lists of `roles`.'),
    settings: list(settingSchema).optional().describe('Single settings, beside the complete lists of `roles`.'),
    databases: list(databaseSchema).optional().describe('Privileges and owners, by database.'),
  })
  .describe('State of roles, memberships and privileges that is asked for. Only what is mentioned is managed.');

/** A document whose shape is right. */
export type SubmittedDocument = z.output<typeof accessDocumentSchema>;
