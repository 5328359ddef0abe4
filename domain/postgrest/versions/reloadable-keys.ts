/**
 * Keys of postgrest.conf that a reload applies, by release. Source: the "Reloadable" rows of the configuration manual of
 * each release, and runs of 12.0.2. `db-channel` is left out although the manual lists it: the listener stays on the
 * channel that it began with (measured on 12.0.2), and a new process is right for every release.
 */

const SINCE_12_0 = [
  'db-aggregates-enabled',
  'db-anon-role',
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
  'jwt-role-claim-key',
  'jwt-secret',
  'jwt-secret-is-base64',
  'openapi-mode',
  'openapi-security-active',
  'server-timing-enabled',
  'server-trace-header',
];
const SINCE_12_2 = [...SINCE_12_0, 'db-hoisted-tx-settings'];
const SINCE_13 = [...SINCE_12_2, 'log-query'];
/** `db-channel-enabled` is listed earlier, but a reload reached it only with 16.0 (#4894); `log-level` came with it. */
const SINCE_16 = [
  ...SINCE_13,
  'client-error-verbosity',
  'db-channel-enabled',
  'log-level',
  'url-use-legacy-target-names',
];

/** The cache of tokens is bounded by time up to 13 and by number from 14.0 on. */
const CACHE_LIFETIME = 'jwt-cache-max-lifetime';
const CACHE_ENTRIES = 'jwt-cache-max-entries';

/** Sets by the release that began them. */
export const RELOADABLE_KEYS = {
  '12.0': new Set([...SINCE_12_0, CACHE_LIFETIME]),
  '12.2': new Set([...SINCE_12_2, CACHE_LIFETIME]),
  '13': new Set([...SINCE_13, CACHE_LIFETIME]),
  '14': new Set([...SINCE_13, CACHE_ENTRIES]),
  '16': new Set([...SINCE_16, CACHE_ENTRIES]),
} as const satisfies Record<string, ReadonlySet<string>>;
