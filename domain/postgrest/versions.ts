import { Failure } from '../failures.ts';
import type { PostgrestVersion } from './versions/release.ts';
import { POSTGREST_VERSIONS } from './versions/table.ts';

export type { PostgrestVersion } from './versions/release.ts';
export { POSTGREST_VERSIONS } from './versions/table.ts';

/** Text of a version as clients may write it: `latest`, an exact release or an alias. */
const LATEST = 'latest';

/**
 * The release that `text` asks for on a server of the given PostgreSQL major. `latest` is the newest release that serves
 * the major and starts without asking a registry (`available`); where none does, a registry has to have the newest one.
 * @throws Failure UnsupportedVersion for an unknown text and for a release that does not serve the major
 */
export function resolveVersion(
  text: string,
  given: { postgresMajor: number; available?: readonly string[] },
): PostgrestVersion {
  const suitable = POSTGREST_VERSIONS.filter((row) => serves(row, given.postgresMajor));
  if (text === LATEST) {
    const newest = newestOf(suitable, given.available ?? []);
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

/** What a host should have at hand before it is asked for `latest`: the same choice as {@link resolveVersion} makes. */
export function newestVersion(available: readonly string[]): PostgrestVersion | undefined {
  return newestOf(POSTGREST_VERSIONS, available);
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
function knownVersions(): string[] {
  return [LATEST, ...POSTGREST_VERSIONS.flatMap((row) => [row.version, ...row.aliases])];
}

function newestOf(rows: readonly PostgrestVersion[], available: readonly string[]): PostgrestVersion | undefined {
  return rows.findLast((row) => available.includes(row.version)) ?? rows.at(-1);
}

function serves(row: PostgrestVersion, postgresMajor: number): boolean {
  return postgresMajor >= row.postgresMajors.oldest && postgresMajor <= row.postgresMajors.newest;
}

function unsupported(version: string, reason: string): Failure {
  return new Failure('UnsupportedVersion', `unsupported version "${version}" for service type "postgrest": ${reason}`, {
    details: { version, known: knownVersions() },
  });
}
