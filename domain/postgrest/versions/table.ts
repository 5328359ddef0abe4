import type { PostgrestVersion } from './release.ts';
import { RELOADABLE_KEYS } from './reloadable-keys.ts';

/** Newest PostgreSQL that 12.0.2 was run with. No release documents an upper limit, so later ones are not held to less. */
const NEWEST_POSTGRES = 18;

const LINE_12_0 = {
  postgresMajors: { oldest: 9.6, newest: NEWEST_POSTGRES },
  reloadableKeys: RELOADABLE_KEYS['12.0'],
  adminListenerSeparate: false,
  hasReadyCommand: false,
  claimKeySyntax: 'path',
  refusesShortJwtSecret: false,
  listensOnPrimaryOnly: false,
  schemaCacheLog: { begun: 'Attempting to connect to the database', loaded: 'Schema cache loaded' },
} as const;

const LINE_12_2 = {
  ...LINE_12_0,
  reloadableKeys: RELOADABLE_KEYS['12.2'],
  listensOnPrimaryOnly: true,
  // The manual's chapter on logs shows both; the source writes the first before each load reads the catalogs, at every
  // log level.
  schemaCacheLog: { begun: 'Successfully connected to PostgreSQL', loaded: 'Schema cache loaded' },
} as const;

const LINE_13 = {
  ...LINE_12_2,
  postgresMajors: { oldest: 12, newest: NEWEST_POSTGRES },
  reloadableKeys: RELOADABLE_KEYS['13'],
  adminListenerSeparate: true,
  claimKeySyntax: 'path with filters',
  refusesShortJwtSecret: true,
} as const;

const LINE_14 = {
  ...LINE_13,
  postgresMajors: { oldest: 13, newest: NEWEST_POSTGRES },
  reloadableKeys: RELOADABLE_KEYS['14'],
  hasReadyCommand: true,
} as const;

const LINE_16 = {
  ...LINE_14,
  postgresMajors: { oldest: 14, newest: NEWEST_POSTGRES },
  reloadableKeys: RELOADABLE_KEYS['16'],
  // 16.2 reads the old syntax again, with a warning that it will go.
  claimKeySyntax: 'jsonpath',
} as const;

/**
 * Releases that a specification may name, oldest first. Rows are only ever added: a running service keeps the exact
 * release that it was deployed with. 14.5 is what clients of the published contract send. There is no 15: from 14 on
 * releases are `MAJOR.PATCH`, with even majors only.
 */
export const POSTGREST_VERSIONS: readonly PostgrestVersion[] = [
  release('12.0.2', ['12.0'], 'run', LINE_12_0),
  release('12.2.12', ['12.2'], 'documented', LINE_12_2),
  release('13.0.8', ['13.0', '13'], 'documented', LINE_13),
  release('14.5', [], 'documented', LINE_14),
  release('14.17', ['14'], 'documented', LINE_14),
  release('16.2', ['16'], 'documented', LINE_16),
];

function release(
  version: string,
  aliases: readonly string[],
  evidence: PostgrestVersion['evidence'],
  line: Omit<PostgrestVersion, 'version' | 'aliases' | 'evidence' | 'image'>,
): PostgrestVersion {
  // The official images are tagged like the releases, with a `v`.
  return { version, aliases, evidence, image: `postgrest/postgrest:v${version}`, ...line };
}
