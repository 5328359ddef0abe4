import { createHmac } from 'node:crypto';
import type { ServiceBundle } from '../../../../domain/services.ts';
import type { TestDatabase } from './database.ts';

/** Bounds that no healthy change comes near. */
export const BOUNDS = { drainMs: 5_000, readyTimeoutMs: 20_000 };

/** What the requests of probes and of these tests need in the database. */
export async function prepareApi(database: TestDatabase): Promise<void> {
  await database.run(
    'CREATE TABLE api.notes (id int)',
    'GRANT INSERT ON api.notes TO web_anon',
    'INSERT INTO api.products VALUES (2), (3)',
    'CREATE FUNCTION api.who() RETURNS text LANGUAGE sql STABLE AS $$SELECT current_user::text$$',
    'CREATE FUNCTION api.slow(seconds float) RETURNS int LANGUAGE sql AS $$SELECT 1 FROM pg_sleep(seconds)$$',
    'CREATE ROLE other_anon NOLOGIN',
    'GRANT web_anon TO other_anon',
    'GRANT other_anon TO app',
    'CREATE SCHEMA extra',
    'GRANT USAGE ON SCHEMA extra TO web_anon',
    'CREATE FUNCTION extra.answer() RETURNS int LANGUAGE sql STABLE AS $$SELECT 42$$',
  );
}

/** The bundle of a later task for the same instance, with some settings changed. */
export function later(
  bundle: ServiceBundle,
  epoch: number,
  settings: Partial<ServiceBundle['settings']> = {},
): ServiceBundle {
  return { ...bundle, taskId: `task-${epoch}`, epoch, settings: { ...bundle.settings, ...settings } };
}

/** A token of a role, signed with a secret. */
export function token(role: string, secret: string): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ role })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
