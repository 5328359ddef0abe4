/** Keys of a PostgREST service's `config`: what they may be, and what they mean when they are left out. */
import { isClaimKey } from '../postgrest/claim-key.ts';
import { readJwtKeys } from '../postgrest/jwt-keys.ts';
import type { PostgrestSettings } from '../services.ts';
import { DEFAULT_ANONYMOUS_ROLE } from './names.ts';
import { listed, quoted } from './problems.ts';
import { nameProblem, textProblem } from './text.ts';

type Config = Readonly<Record<string, unknown>>;
/** What is wrong with a value, as the rest of a sentence that starts with the key; undefined when nothing is. */
type Check = (value: unknown) => string | undefined;

const DEFAULTS = { schemas: 'public', pool: 10, maxRows: 1000 } as const;

const CHECKS: ReadonlyMap<string, Check> = new Map([
  ['db_schemas', text(schemaListProblem)],
  ['db_anon_role', text(nameProblem)],
  ['db_pool', integer(1, 30)],
  ['max_rows', integer(1, 10_000)],
  ['jwt_secret', text(jwtSecretProblem)],
  ['jwt_aud', text(audienceProblem)],
  ['jwt_role_claim_key', text(claimKeyProblem)],
  ['server_cors_allowed_origins', text(textProblem)],
]);

/** Everything wrong with `config`, one sentence each, in the contract's words. Values are never repeated. */
export function postgrestConfigProblems(config: Config): string[] {
  const unknown = Object.keys(config).filter((key) => !CHECKS.has(key));
  const problems = [...CHECKS].flatMap(([key, check]) => {
    const problem = Object.hasOwn(config, key) ? check(config[key]) : undefined;
    return problem === undefined ? [] : [`${key} ${problem}`];
  });
  return unknown.length === 0 ? problems : [unknownKeysProblem(unknown), ...problems];
}

/** Settings of a service with every default applied. `config` has no {@link postgrestConfigProblems}. */
export function postgrestSettings(config: Config, channel: string): PostgrestSettings {
  const jwtAudience = stringIn(config, 'jwt_aud');
  const jwtRoleClaimKey = stringIn(config, 'jwt_role_claim_key');
  const corsAllowedOrigins = stringIn(config, 'server_cors_allowed_origins');
  return {
    schemas: schemaList(stringIn(config, 'db_schemas') ?? DEFAULTS.schemas),
    anonymousRole: anonymousRole(config),
    pool: numberIn(config, 'db_pool') ?? DEFAULTS.pool,
    maxRows: numberIn(config, 'max_rows') ?? DEFAULTS.maxRows,
    channel,
    ...(jwtAudience !== undefined && { jwtAudience }),
    ...(jwtRoleClaimKey !== undefined && { jwtRoleClaimKey }),
    ...(corsAllowedOrigins !== undefined && { corsAllowedOrigins }),
  };
}

/** Role of requests without a token. */
export function anonymousRole(config: Config): string {
  return stringIn(config, 'db_anon_role') ?? DEFAULT_ANONYMOUS_ROLE;
}

/** A text value of `config`; undefined when the key is absent or holds something else. */
export function stringIn(config: Config, key: string): string | undefined {
  const value = Object.hasOwn(config, key) ? config[key] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function numberIn(config: Config, key: string): number | undefined {
  const value = Object.hasOwn(config, key) ? config[key] : undefined;
  return typeof value === 'number' ? value : undefined;
}

function schemaList(value: string): string[] {
  return value.split(',').map((name) => name.trim());
}

function text(problem: (value: string) => string | undefined): Check {
  return (value) => {
    if (typeof value !== 'string') return 'must be a string';
    return value === '' ? 'must not be empty' : (problem(value) ?? textProblem(value));
  };
}

function integer(min: number, max: number): Check {
  return (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) return 'must be an integer';
    return value < min || value > max ? `must be between ${min} and ${max}` : undefined;
  };
}

function schemaListProblem(value: string): string | undefined {
  const names = schemaList(value);
  for (const name of names) {
    if (name === '') return 'must be a comma-separated list without empty entries';
    const problem = nameProblem(name);
    if (problem !== undefined) return `must list names of schemas; one of them ${problem}`;
    if (/^pg_|^information_schema$/i.test(name)) return 'must not expose schemas of the system';
  }
  return new Set(names).size < names.length ? 'must not list a schema twice' : undefined;
}

/** A secret, or keys as a JWK or a set of them. */
function jwtSecretProblem(value: string): string | undefined {
  const read = readJwtKeys(value);
  return 'problem' in read ? read.problem : undefined;
}

/** PostgREST exits at start when an audience with a colon is not a URI (RFC 7519, StringOrURI). */
function audienceProblem(value: string): string | undefined {
  const isUri = /^[a-z][a-z0-9+.-]*:[\w\-.~:/?#[\]@!$&'()*+,;=%]*$/i.test(value);
  return value.includes(':') && !isUri ? 'must be a URI when it contains a colon' : undefined;
}

/** PostgREST's path syntax, and the JSONPath that replaces it from version 16 on. */
function claimKeyProblem(value: string): string | undefined {
  return isClaimKey(value) ? undefined : 'must be a path such as .role or ."https://example.com/role"';
}

function unknownKeysProblem(keys: string[]): string {
  const names = listed(keys.toSorted().map(quoted));
  return keys.length === 1 ? `unknown config key ${names}` : `unknown config keys: ${names}`;
}
