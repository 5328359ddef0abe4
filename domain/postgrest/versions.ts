import { Failure } from '../failures.ts';

/** What a control plane must know about one PostgREST release. Sources: PostgREST's changelog and runs of the release. */
export interface PostgrestVersion {
  /** Exact release, such as `12.0.2`. */
  version: string;
  /** Shorter spellings that mean this release. */
  aliases: readonly string[];
  /** Oldest and newest PostgreSQL major that it serves; PostgreSQL 9.6 counts as 9.6. */
  postgresMajors: { oldest: number; newest: number };
  /** Image that is pulled unless the specification names another. */
  image: string;
  /** Keys of postgrest.conf that SIGUSR2 (or SIGUSR1 while `db-config` is on) applies; every other key needs a new process. */
  reloadableKeys: ReadonlySet<string>;
  /** Whether the admin listener can be bound to an address of its own (`admin-server-host`, since 13.0). */
  adminListenerSeparate: boolean;
  /** Whether `postgrest --ready` exists (since 14.0). */
  hasReadyCommand: boolean;
  /** Log lines that frame one load of the schema cache: both appear, in this order, for every reload. */
  schemaCacheLog: { begun: string; loaded: string };
}

/** Releases that have been run for real, oldest first. */
export const POSTGREST_VERSIONS: readonly PostgrestVersion[] = [
  {
    version: '12.0.2',
    aliases: ['12.0'],
    postgresMajors: { oldest: 9.6, newest: 18 },
    image: 'postgrest/postgrest:v12.0.2',
    reloadableKeys: new Set([
      'db-aggregates-enabled',
      'db-anon-role',
      'db-channel',
      'db-config',
      'db-extra-search-path',
      'db-max-rows',
      'db-plan-enabled',
      'db-pool-automatic-recovery',
      'db-pre-config',
      'db-pre-request',
      'db-prepared-statements',
      'db-root-spec',
      'db-schemas',
      'jwt-aud',
      'jwt-cache-max-lifetime',
      'jwt-role-claim-key',
      'jwt-secret',
      'jwt-secret-is-base64',
      'openapi-mode',
      'openapi-security-active',
      'server-timing-enabled',
      'server-trace-header',
    ]),
    adminListenerSeparate: false,
    hasReadyCommand: false,
    schemaCacheLog: { begun: 'Attempting to connect to the database', loaded: 'Schema cache loaded' },
  },
];

/** Text of a version as clients may write it: `latest`, an exact release or an alias. */
export const LATEST = 'latest';

/**
 * The release that `text` asks for on a server of the given PostgreSQL major. `latest` is the newest release that serves
 * the major, preferring those that start without asking a registry (`available`).
 * @throws Failure UnsupportedVersion for an unknown text and for a release that does not serve the major
 */
export function resolveVersion(
  text: string,
  given: { postgresMajor: number; available?: readonly string[] },
): PostgrestVersion {
  const suitable = POSTGREST_VERSIONS.filter((row) => serves(row, given.postgresMajor));
  if (text === LATEST) {
    const ready = suitable.filter((row) => given.available?.includes(row.version));
    const newest = ready.at(-1) ?? suitable.at(-1);
    if (newest === undefined) throw unsupported(text, `no known release serves PostgreSQL ${given.postgresMajor}`);
    return newest;
  }
  const row = findVersion(text);
  if (row === undefined) throw unsupported(text, `known versions: ${knownVersions().join(', ')}`);
  if (!serves(row, given.postgresMajor)) {
    const { oldest, newest } = row.postgresMajors;
    throw unsupported(text, `it serves PostgreSQL ${oldest} to ${newest}, and the server has ${given.postgresMajor}`);
  }
  return row;
}

/** The row of an exact release or alias; undefined when the table has none. */
export function findVersion(text: string): PostgrestVersion | undefined {
  return POSTGREST_VERSIONS.find((row) => row.version === text || row.aliases.includes(text));
}

/** The row of an exact release that was resolved before. @throws Failure UnsupportedVersion */
export function requireVersion(version: string): PostgrestVersion {
  const row = findVersion(version);
  if (row === undefined) throw unsupported(version, `known versions: ${knownVersions().join(', ')}`);
  return row;
}

/** Every spelling that {@link resolveVersion} accepts. */
export function knownVersions(): string[] {
  return [LATEST, ...POSTGREST_VERSIONS.flatMap((row) => [row.version, ...row.aliases])];
}

function serves(row: PostgrestVersion, postgresMajor: number): boolean {
  return postgresMajor >= row.postgresMajors.oldest && postgresMajor <= row.postgresMajors.newest;
}

function unsupported(version: string, reason: string): Failure {
  return new Failure('UnsupportedVersion', `unsupported version "${version}" for service type "postgrest": ${reason}`, {
    details: { version, known: knownVersions() },
  });
}
