import type { ServiceBundle } from '../services.ts';
import { renderPostgrestConf } from './conf.ts';
import { type PostgrestVersion, requireVersion } from './versions.ts';

/** Secret files of an instance that get another content. Their texts are compared by whoever may see them. */
export interface SecretChanges {
  /** Of the `connect_as` role, or the login itself; libpq reads both of their files for each new connection. */
  passwordChanged: boolean;
  jwtSecretChanged: boolean;
  /** Of the certificate authority's file, read for each new connection. */
  rootCertificateChanged?: boolean;
}

/** What makes a change of an instance's files take effect. */
export interface ReloadPlan {
  /**
   * `same`: nothing changes. `reload`: write the files, then SIGUSR1, which reads configuration and secrets again, ends
   * pooled connections and loads the schema cache. `replace`: a new process, because a key is read at the start only.
   */
  action: 'same' | 'reload' | 'replace';
  /** Keys of postgrest.conf or names of secrets that decide it, sorted: the ones that need a new process, else all that changed. */
  keys: string[];
}

const SECRETS: readonly [changed: keyof SecretChanges, name: string][] = [
  ['passwordChanged', 'password'],
  ['jwtSecretChanged', 'jwt-secret'],
  ['rootCertificateChanged', 'root certificate'],
];

/**
 * Compares two postgrest.conf texts of one release. SIGUSR1 and not SIGUSR2, because a changed `db-schemas` needs the
 * schema cache and a changed password new connections; SIGUSR1 reads the configuration too, as long as `db-config` is on.
 */
export function reloadPlan(
  previous: string,
  next: string,
  version: PostgrestVersion,
  secrets: SecretChanges,
): ReloadPlan {
  const changed = changedKeys(previous, next);
  const fixed = changed.filter((key) => !version.reloadableKeys.has(key));
  if (fixed.length > 0) return { action: 'replace', keys: fixed.sort() };
  const files = SECRETS.flatMap(([flag, name]) => (secrets[flag] === true ? [name] : []));
  const keys = [...new Set([...changed, ...files])].sort();
  return { action: keys.length === 0 ? 'same' : 'reload', keys };
}

/** Keys whose values differ between two postgrest.conf texts. */
function changedKeys(previous: string, next: string): string[] {
  const [before, after] = [entriesOf(previous), entriesOf(next)];
  return [...new Set([...before.keys(), ...after.keys()])].filter((key) => before.get(key) !== after.get(key));
}

/** Names and numbers, judged when they were accepted: whatever they are, PostgREST starts with them and logs in. */
const HARMLESS_KEYS: ReadonlySet<string> = new Set([
  'db-anon-role',
  'db-max-rows',
  'db-pool',
  'db-pre-request',
  'db-schemas',
  'server-cors-allowed-origins',
  'server-host',
  'server-port',
]);

/** Whether a PostgREST that runs with the earlier text proves that it starts with the later one, its secrets being the same. */
export function isProvenBy(earlier: string, later: string): boolean {
  return changedKeys(earlier, later).every((key) => HARMLESS_KEYS.has(key));
}

/**
 * {@link reloadPlan} of two bundles of one instance, wherever it runs: what differs between hosts is the same on both
 * sides. Another release, image, address, port, limit or label is a new container or process in any case.
 */
export function bundleChange(previous: ServiceBundle, next: ServiceBundle): ReloadPlan {
  const placement = PLACEMENT.filter((name) => text(previous[name]) !== text(next[name]));
  if (placement.length > 0) return { action: 'replace', keys: [...placement].sort() };
  const conf = (bundle: ServiceBundle) =>
    renderPostgrestConf(bundle, { directory: '/app/data', address: bundle.address, port: bundle.port });
  return reloadPlan(conf(previous), conf(next), requireVersion(next.version), {
    passwordChanged:
      previous.secrets.password !== next.secrets.password || previous.connection.user !== next.connection.user,
    jwtSecretChanged: previous.secrets.jwtSecret !== next.secrets.jwtSecret,
    rootCertificateChanged: previous.connection.caCertificate !== next.connection.caCertificate,
  });
}

const PLACEMENT = ['version', 'image', 'address', 'port', 'cpus', 'memoryBytes', 'labels'] as const;

/** Equal for equal values; labels are a set, whatever their order. */
function text(value: ServiceBundle[(typeof PLACEMENT)[number]]): string | undefined {
  return JSON.stringify(typeof value === 'object' ? Object.entries(value).sort() : value);
}

/** Values as written, by key. A line of another form stands for itself. */
function entriesOf(conf: string): Map<string, string> {
  const lines = conf.split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const at = line.indexOf(' = ');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 3)];
    }),
  );
}
