import { quoteIdentifier } from '../sql/quote.ts';
import type { RotationSchedule } from './schedule.ts';

export const STRATEGIES = ['in-place', 'alternating'] as const;
/** `in-place`: one role, one verifier. `alternating`: two logins over the role, which becomes their NOLOGIN owner. */
export type RotationStrategy = (typeof STRATEGIES)[number];

export const SESSION_POLICIES = ['keep', 'drain', 'end'] as const;
/**
 * What becomes of sessions that were opened with the old password: they go on; they have some time and are ended then; they are
 * ended at once.
 */
export type SessionPolicy = (typeof SESSION_POLICIES)[number];

/** What a rotation does beside setting a password. */
export interface RotationOptions {
  /** How long the former login of an alternating rotation still works, in milliseconds. */
  graceMs: number;
  sessions: { policy: SessionPolicy; drainMs: number };
  /** Names of the two logins of an alternating rotation. */
  logins?: [string, string];
  /** Databases in which the logins act as the role; left out: all. */
  databases?: string[];
  /** An administrator's word that the rules of whose password may be changed (R5) do not count. */
  override?: true;
}

export const FILE_FORMATS = ['json', 'pgpass', 'env', 'password'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

/** Who has to be told a new password, without secrets. */
export type RotationConsumer =
  /** Services of ours are found by themselves. */
  | { kind: 'postgrest'; name: string }
  | { kind: 'file'; name: string; path: string; format: FileFormat; database: string }
  | {
      kind: 'pgbouncer';
      name: string;
      host: string;
      port: number;
      adminUser: string;
      authFile: string;
      /** Databases whose server connections are closed as soon as they are released; left out: all. */
      databases?: string[];
    }
  | { kind: 'webhook'; name: string; origin: string };

/** Secrets of consumers, by name of the consumer. Sealed as one text. */
export type ConsumerSecrets = Record<string, { password?: string; url?: string; signingKey?: string }>;

/** A rotation as it is defined. */
export interface RotationDefinition {
  serverName: string;
  roleName: string;
  strategy: RotationStrategy;
  schedule: RotationSchedule | null;
  options: RotationOptions;
  consumers: RotationConsumer[];
}

/** Longest name of a role, in bytes. */
const NAME_MAX_BYTES = 63;
const SUFFIXES = ['_a', '_b'] as const;

/** Names of the two logins of a role, unless others are asked for; a long name is cut, and stays its own by the hash. */
export function loginNames(role: string, hash: string): [string, string] {
  const bytes = new TextEncoder().encode(role).length;
  const base = bytes + 2 <= NAME_MAX_BYTES ? role : `${shortened(role, NAME_MAX_BYTES - 2 - 9)}_${hash.slice(0, 8)}`;
  return [`${base}${SUFFIXES[0]}`, `${base}${SUFFIXES[1]}`];
}

function shortened(text: string, bytes: number): string {
  let cut = text;
  while (new TextEncoder().encode(cut).length > bytes) cut = cut.slice(0, -1);
  return cut;
}

/** Which login a run sets the password of: the role itself, or the one of two that is idle. */
export function nextLogin(
  strategy: RotationStrategy,
  of: { role: string; logins: readonly [string, string]; current: string },
): string {
  if (strategy === 'in-place') return of.role;
  return of.current === of.logins[0] ? of.logins[1] : of.logins[0];
}

/** Id and owner of what is sealed for a rotation. */
export const rotationOwner = (rotationId: string): string => `rotation/${rotationId}`;
/** Its current password: the version is in the rotation's row. */
export const rotationSecretId = (rotationId: string): string => `rotation/${rotationId}/password`;
export const consumerSecretId = (rotationId: string): string => `rotation/${rotationId}/consumers`;

/** The rotation as messages name it. */
export function describeRotation({
  serverName,
  roleName,
}: Pick<RotationDefinition, 'serverName' | 'roleName'>): string {
  return `role ${quoteIdentifier(roleName)} on server ${serverName}`;
}
