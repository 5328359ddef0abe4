/**
 * Shape of a request that creates or updates a database: members, types, enumerations, patterns, lengths and ranges.
 * What needs more than one member to judge is in `validate.ts`. Unknown members are ignored, as the contract says.
 */
import { z } from 'zod';
import { identifierText, postgresVersionText, unsupported } from './members.ts';
import { nodeSchema } from './node-schema.ts';
import { serviceSchema } from './service-schema.ts';
import { submittedJson } from './submitted-json.ts';
import { databaseUserSchema } from './user-schema.ts';

const SCRIPT_MAX_STATEMENTS = 256;
const STATEMENT_MAX_LENGTH = 1024;

const scriptSchema = z.array(z.string().min(1).max(STATEMENT_MAX_LENGTH)).max(SCRIPT_MAX_STATEMENTS);

/** The specification of a database, as the published clients send it. */
export const databaseSpecSchema = z.object({
  database_name: z.string().min(1).max(31).describe('Name of the database on its server. Cannot be changed.'),
  nodes: z.array(nodeSchema).min(1).max(9),
  database_users: z.array(databaseUserSchema).max(16).optional(),
  services: z.array(serviceSchema).optional(),
  postgres_version: postgresVersionText.optional(),
  scripts: z
    .object({
      post_init: scriptSchema
        .optional()
        .describe('Statements that run once in the database `postgres`, before the users exist. Needs the admin role.'),
      post_database_create: scriptSchema
        .optional()
        .describe('Statements that run once in the new database, as its owner.'),
    })
    .optional(),
  extensions: z.array(z.string().min(1)).max(64).optional().describe('Extensions to create in the new database.'),
  drop_removed_users: z
    .boolean()
    .optional()
    .describe('Whether an update drops the roles of users that it no longer lists. They are kept unless this says so.'),
  deletion_protection: z
    .boolean()
    .optional()
    .describe('While true, no request deletes the database, also none with force.'),
  orchestrator_opts: unsupported,
  spock_version: unsupported,
  port: unsupported,
  patroni_port: unsupported,
  cpus: unsupported,
  memory: unsupported,
  postgresql_conf: unsupported,
  pg_hba_conf: unsupported,
  pg_ident_conf: unsupported,
  backup_config: unsupported,
  restore_config: unsupported,
});

/** Body of `POST /v1/databases`. */
export const createDatabaseSchema = z.preprocess(
  submittedJson,
  z.object({
    id: identifierText.optional().describe('Chosen by the server (UUID) when it is left out.'),
    tenant_id: identifierText.optional(),
    spec: databaseSpecSchema,
  }),
);

/** Body of `POST /v1/databases/{database_id}`. */
export const updateDatabaseSchema = z.preprocess(
  submittedJson,
  z.object({ tenant_id: identifierText.optional(), spec: databaseSpecSchema }),
);
