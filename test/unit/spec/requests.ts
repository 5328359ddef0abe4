import type { SpecContext } from '../../../domain/spec/context.ts';
import { TRUSTED_EXTENSIONS } from '../../../domain/spec/extensions.ts';
import { createDatabaseSchema } from '../../../domain/spec/schema.ts';
import { loadSqlParser } from '../../../domain/spec/sql-parser.ts';
import { validateSpec } from '../../../domain/spec/validate.ts';

const parseSql = await loadSqlParser();

/** Parsed JSON whose members a test may replace. */
export type Json = Record<string, unknown>;

/** The published example, with `config` as given. */
export function exampleBody(config: Json = {}): { id: string; spec: Json } {
  return {
    id: 'storefront',
    spec: {
      database_name: 'storefront',
      nodes: [{ name: 'n1', host_ids: ['host-1'] }],
      database_users: [{ username: 'app', password: 'changeme', db_owner: true, attributes: ['LOGIN'] }],
      services: [service({ config })],
    },
  };
}

/** The service of the published example, with members replaced; `undefined` takes one away. */
export function service(replaced: Json = {}): Json {
  return {
    service_id: 'api',
    service_type: 'postgrest',
    version: 'latest',
    host_ids: ['host-1'],
    port: 3100,
    connect_as: 'app',
    config: {},
    ...replaced,
  };
}

/** The published example with members of its `spec` replaced. */
export function bodyWith(spec: Json): { id: string; spec: Json } {
  const example = exampleBody();
  return { ...example, spec: { ...example.spec, ...spec } };
}

/** The published example with one user more and members of its own user replaced. */
export function bodyWithUser(user: Json): { id: string; spec: Json } {
  return bodyWith({
    database_users: [{ username: 'app', password: 'changeme', db_owner: true, attributes: ['LOGIN'], ...user }],
  });
}

/** What the tests know about their installation: hosts 1 to 3 run PostgreSQL 17, `bare` has no server. */
export function contextWith(replaced: Partial<SpecContext> = {}): SpecContext {
  return {
    databaseId: 'storefront',
    callerIsAdmin: true,
    usersWithPassword: new Set(),
    superusers: new Set(['dba']),
    foreignRoles: new Set(['crm_app', 'shared_reader']),
    allowListedRoles: new Set(['shared_reader']),
    allowedExtensions: TRUSTED_EXTENSIONS,
    parseSql,
    knownHosts: new Set(['host-1', 'host-2', 'host-3', 'bare']),
    serverMajors: new Map([
      ['host-1', 17],
      ['host-2', 17],
      ['host-3', 17],
    ]),
    ...replaced,
  };
}

/** Problems of `body` as `path: message`, or the message alone. The shape of `body` is right. */
export function problemsOf(body: unknown, context: Partial<SpecContext> = {}): string[] {
  const request = createDatabaseSchema.parse(body);
  return validateSpec(request, contextWith(context)).map(({ path, message }) =>
    path === '' ? message : `${path}: ${message}`,
  );
}
