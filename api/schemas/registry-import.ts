/** What is imported into the registry, and what became of it. */
import { z } from '@hono/zod-openapi';
import { registerEntrySchema } from './registry.ts';
import { adminLogin, nameOnServer, tlsSchema } from './server.ts';

/** Most entries of one import. */
export const MAX_ENTRIES = 20_000;

/** As text in CSV, as a number elsewhere. */
const port = z
  .union([
    z.int(),
    z
      .string()
      .regex(/^\d{1,5}$/, 'must be a number')
      .transform(Number),
  ])
  .pipe(z.int().min(1).max(65_535));

const ACTIVE = { '1': true, '0': false, true: true, false: false, yes: true, no: false } as const;
const active = z
  .union([z.boolean(), z.union([z.literal(0), z.literal(1)]), z.string()])
  .transform((value) => String(value).toLowerCase())
  .pipe(z.enum(['1', '0', 'true', 'false', 'yes', 'no'], 'must be 1 or 0'))
  .transform((word) => ACTIVE[word]);

/** `2026-03-01 09:30:00` as SQLite writes it, or ISO 8601; UTC where no zone is named. */
const time = z.string().transform((text, context) => {
  const parts = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?$/.exec(text);
  const date = new Date(parts === null ? Number.NaN : `${parts[1]}T${parts[2]}${parts[3] ?? 'Z'}`);
  if (!Number.isNaN(date.getTime())) return date;
  context.addIssue({ code: 'custom', message: 'must be a time such as 2026-03-01 09:30:00' });
  return z.NEVER;
});

/** One entry, from whatever file. Numbers of other registries mean nothing here. */
export const importedEntrySchema = registerEntrySchema.extend({
  id: z.unknown().optional(),
  port: port.default(5432),
  active: active.default(true),
  created_at: time.optional(),
});

export type ImportedEntry = Omit<z.infer<typeof importedEntrySchema>, 'id'>;

/** What holds for the whole import. Without a name in the description: what extends a strict object there contradicts it. */
export const importOptionsSchema = z.strictObject({
  admin: adminLogin
    .optional()
    .describe('Role that servers are registered with; PG_ADMIN_USER and PG_ADMIN_PASS where it is left out.'),
  tls: tlsSchema.default({ mode: 'verify-full' }),
  maintenance_database: nameOnServer.default('postgres'),
});

const entries = z.array(z.unknown()).max(MAX_ENTRIES);

/** JSON body: the published list of another registry as it is, or a list of entries; with options. */
export const importBodySchema = importOptionsSchema
  .extend({
    entries: entries.optional(),
    databases: entries.optional().describe('As `entries`: the name that they have in the published list.'),
    count: z.unknown().optional(),
  })
  .refine(
    (body) => (body.entries === undefined) !== (body.databases === undefined),
    'must have "entries" or "databases"',
  )
  .openapi({ example: { databases: [{ env: 'dev', db_name: 'myapp_dev', hostname: 'pg-dev-01.example.com' }] } });

/** What became of one entry. */
const importedSchema = z.object({
  env: z.string().optional(),
  db_name: z.string().optional(),
  hostname: z.string().optional(),
  port: z.int().optional(),
  result: z
    .enum(['created', 'unchanged', 'kept', 'failed'])
    .describe('`kept`: it was registered already and differs, `reason` says in what; nothing was changed.'),
  id: z.int().optional(),
  server: z.string().optional(),
  reason: z.string().optional(),
});

/** What became of one server that entries name by its address. */
const importedServerSchema = z.object({
  hostname: z.string(),
  port: z.int(),
  result: z.enum(['known', 'registered', 'failed']),
  server: z.string().optional(),
  reason: z.string().optional(),
});

export const importResultSchema = z
  .object({
    created: z.int(),
    unchanged: z.int(),
    kept: z.int(),
    failed: z.int(),
    entries: z.array(importedSchema).describe('In the order of the file.'),
    servers: z.array(importedServerSchema),
    audit: z
      .object({
        imported: z.int(),
        known: z.int().describe('Rows that an earlier import brought.'),
        complete: z.boolean().describe('False where the time was over: the same import again goes on.'),
      })
      .optional()
      .describe('Rows of an audit log that came along.'),
  })
  .openapi('RegistryImportResult');
