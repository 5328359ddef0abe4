/** Takes the secrets out of a specification, so that what is stored and returned never holds one (R14). */
import { stringIn } from './postgrest-config.ts';
import type { DatabaseSpec, DatabaseUserSpec } from './types.ts';

/** Secrets of one specification. Plain text: seal them and let go of them. */
export interface SpecSecrets {
  /** Password by username, of the users whose entry has one. */
  userPasswords: Map<string, string>;
  /** JWT secret by service id, of the services that have one. */
  jwtSecrets: Map<string, string>;
}

/** A specification in its public form: `db_owner` is always there, passwords and secret keys of `config` never are. */
export interface SeparatedSpec {
  publicSpec: DatabaseSpec;
  secrets: SpecSecrets;
}

/** Parts of lower-case key names that mark a secret; the contract's list. */
const SECRET_PARTS = [
  'password',
  'secret',
  'api_key',
  'apikey',
  'credential',
  'private_key',
  'access_key',
  'init_users',
];

/** Splits a specification into what may be shown and what may not. The input is left as it is. */
export function separateSecrets(spec: DatabaseSpec): SeparatedSpec {
  const userPasswords = new Map<string, string>();
  const jwtSecrets = new Map<string, string>();
  for (const { username, password } of spec.database_users ?? []) {
    if (password !== undefined) userPasswords.set(username, password);
  }
  for (const { service_id, config } of spec.services ?? []) {
    const jwtSecret = stringIn(config ?? {}, 'jwt_secret');
    if (jwtSecret !== undefined) jwtSecrets.set(service_id, jwtSecret);
  }
  return { publicSpec: publicSpec(spec), secrets: { userPasswords, jwtSecrets } };
}

/** True for the name of a member whose value is a secret. */
export function isSecretKey(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'token' || lower.endsWith('_token') || SECRET_PARTS.some((part) => lower.includes(part));
}

function publicSpec(spec: DatabaseSpec): DatabaseSpec {
  const { database_users: users, services, ...rest } = spec;
  return {
    ...rest,
    ...(users && { database_users: users.map(publicUser) }),
    ...(services && {
      services: services.map(({ config, ...service }) => ({
        ...service,
        ...(config && { config: withoutSecrets(config) }),
      })),
    }),
  };
}

function publicUser({ password: _, ...user }: DatabaseUserSpec): DatabaseUserSpec {
  return { ...user, db_owner: user.db_owner ?? false };
}

function withoutSecrets(members: Record<string, unknown>): Record<string, unknown> {
  const kept = Object.entries(members).filter(([name]) => !isSecretKey(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, publicValue(value)]));
}

function publicValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(publicValue);
  return typeof value === 'object' && value !== null ? withoutSecrets({ ...value }) : value;
}
