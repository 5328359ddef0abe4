import { z } from '@hono/zod-openapi';
import { IDENTIFIER_MAX_LENGTH, IDENTIFIER_RULE, isIdentifier } from '../../domain/identifiers.ts';
import { identifier, timestamp } from './common.ts';
import { maintenanceSchema } from './drift.ts';

const MAX_ENDPOINTS = 8;
const MAX_LABELS = 64;

/** Names and addresses; no path, which the driver would take for a socket of this machine. */
export const endpointAddress = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[A-Za-z0-9:][A-Za-z0-9._:-]*$/, 'must be a host name or an IP address');

const endpointSchema = z
  .strictObject({
    address: endpointAddress,
    port: z.int().min(1).max(65_535).default(5432),
  })
  .openapi('ServerEndpoint');

const tlsModeSchema = z.enum(['disable', 'require', 'verify-ca', 'verify-full']);
/** Half the size of a certificate store of a public CA. */
const MAX_PEM = 131_072;
export const tlsSchema = z
  .strictObject({
    mode: tlsModeSchema.describe(
      'As libpq has them. Below verify-full no authentication other than SCRAM is answered.',
    ),
    ca_certificate: z.string().min(1).max(MAX_PEM).optional().describe('PEM; the public CAs where it is left out.'),
  })
  .openapi('ServerTls');

const noNul = (text: string) => !text.includes('\0');
export const nameOnServer = z.string().min(1).max(63).refine(noNul, 'must not contain NUL');

const labelsSchema = z
  .record(z.string().regex(/^[a-z0-9][a-z0-9._/-]{0,62}$/, 'label names are lower-case'), z.string().max(255))
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `at most ${MAX_LABELS} labels`)
  .openapi({ example: { environment: 'prod' } });

const settingsSchema = z
  .strictObject({
    allow_plain_text_passwords: z
      .boolean()
      .default(false)
      .describe('Send passwords as they are, for a server whose extension refuses SCRAM verifiers.'),
  })
  .openapi('ServerSettings');

const registration = {
  endpoints: z
    .array(endpointSchema)
    .min(1)
    .max(MAX_ENDPOINTS)
    .refine((list) => new Set(list.map(({ address, port }) => `${address} ${port}`)).size === list.length, {
      message: 'the same endpoint is there twice',
    })
    .describe('One, or a primary and its standbys in any order.'),
  maintenance_database: nameOnServer.default('postgres'),
  tls: tlsSchema.default({ mode: 'verify-full' }),
  labels: labelsSchema.default({}),
  settings: settingsSchema.default({ allow_plain_text_passwords: false }),
  system_identifier: z
    .string()
    .regex(/^\d{1,20}$/)
    .optional()
    .describe(
      'The cluster that it has to be. Needed to replace the cluster of a registered server, as after pg_upgrade.',
    ),
};
const adminPassword = z.string().min(1).max(1024).refine(noNul, 'must not contain NUL');

/** Whom pgsteward logs in as. */
export const adminLogin = z.strictObject({ user: nameOnServer, password: adminPassword });

/** Body of a registration. */
export const registerServerSchema = z
  .strictObject({
    name: z.string().min(1).max(IDENTIFIER_MAX_LENGTH).refine(isIdentifier, IDENTIFIER_RULE),
    ...registration,
    admin: adminLogin,
  })
  .openapi('RegisterServerRequest');

/** Body of a change: the whole registration, without the name. */
export const changeServerSchema = z
  .strictObject({
    ...registration,
    admin: z.strictObject({
      user: nameOnServer,
      password: adminPassword.optional().describe('Needed when endpoints, TLS or the admin user change.'),
    }),
  })
  .openapi('ChangeServerRequest');

/** A registered server. Its password is never shown. */
export const serverSchema = z
  .object({
    name: identifier,
    endpoints: z.array(z.object({ address: z.string(), port: z.int() })),
    maintenance_database: z.string(),
    tls: z.object({ mode: tlsModeSchema, ca_certificate: z.string().optional() }),
    admin: z.object({ user: z.string() }),
    labels: z.record(z.string(), z.string()),
    settings: z.object({ allow_plain_text_passwords: z.boolean() }),
    system_identifier: z.string(),
    postgres_version: z.string().openapi({ example: '18.4' }),
    created_at: timestamp,
    updated_at: timestamp,
    probed_at: timestamp.optional(),
    maintenance: maintenanceSchema.optional().describe('While it lasts nothing is rotated, repaired or issued there.'),
  })
  .openapi('Server');

export const serverListSchema = z.object({ servers: z.array(serverSchema) }).openapi('ServerList');

const missingRightSchema = z.object({
  right: z.string(),
  required: z.boolean(),
  needed_for: z.string(),
  statement: z.string().nullable().describe('What a superuser runs in the maintenance database.'),
});

/** What a server answered when it was asked. */
export const serverProbeSchema = z
  .object({
    name: identifier,
    probed_at: timestamp,
    endpoints: z.array(
      z.object({
        address: z.string(),
        port: z.int(),
        role: z.enum(['primary', 'standby', 'read_only', 'unreachable']),
        answer: z.string(),
      }),
    ),
    problem: z.string().optional().describe('Why there is no primary to ask; then nothing follows.'),
    postgres_version: z.string().optional(),
    system_identifier: z.string().optional(),
    admin: z
      .object({
        user: z.string(),
        superuser: z.boolean(),
        createrole: z.boolean(),
        createdb: z.boolean(),
        replication: z.boolean(),
        bypassrls: z.boolean(),
        signals_backends: z.boolean(),
        reads_pg_authid: z.boolean(),
        unsettable_parameters: z.array(z.string()),
        unadministered_roles: z.object({ count: z.int(), names: z.array(z.string()) }),
      })
      .optional(),
    missing_rights: z.array(missingRightSchema).optional(),
    limits: z
      .object({ max_connections: z.int(), reserved: z.int(), in_use: z.int(), control_plane: z.int() })
      .optional(),
    passwords: z
      .object({
        encryption: z.string(),
        scram_iterations: z.int(),
        checks: z.array(z.object({ name: z.string(), refuses_verifiers: z.boolean().nullable() })),
        checks_known: z.boolean().describe('False where the admin role may not see shared_preload_libraries.'),
      })
      .optional(),
    vendor: z
      .object({ id: z.string(), name: z.string(), hints: z.array(z.string()), bootstrap_sql: z.string() })
      .optional(),
    warnings: z.array(z.string()),
  })
  .openapi('ServerProbe');
