/** Files inside the data directory, written at every start. */
export const CONFIGURATION_FILE = 'pgsteward.conf';
export const CERTIFICATE_FILE = 'server.crt';
export const KEY_FILE = 'server.key';

/** What our part of a local server's configuration is made from. */
export interface PostgresConfiguration {
  address: string;
  port: number;
  tls: boolean;
  /** Further settings, which win over the ones chosen here. */
  settings: Record<string, string>;
}

/** Text of the configuration file that `postgresql.conf` includes last. */
export function renderConfiguration(of: PostgresConfiguration): string {
  const settings: Record<string, string> = {
    listen_addresses: of.address,
    port: String(of.port),
    // TCP only: a socket's path may not exceed 107 bytes, which a state directory easily does.
    unix_socket_directories: '',
    max_connections: '200',
    password_encryption: 'scram-sha-256',
    // A statement that fails is not repeated in the log: it may carry a password or a verifier (R14).
    log_min_error_statement: 'panic',
    ...(of.tls ? { ssl: 'on', ssl_cert_file: CERTIFICATE_FILE, ssl_key_file: KEY_FILE } : { ssl: 'off' }),
    ...of.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quoteSetting(value)}`);
  return `# Written at every start; changes made here are lost.\n${lines.join('\n')}\n`;
}

/**
 * Text of `pg_hba.conf`: passwords by SCRAM from everywhere that the listen address admits, nothing else; over TLS only where
 * there is TLS. Standbys need a line of their own: `all` does not stand for replication.
 */
export function renderHostAccess(of: { tls: boolean; replication?: boolean }): string {
  const databases = ['all', ...(of.replication === true ? ['replication'] : [])];
  const lines = databases.map((database) => `${of.tls ? 'hostssl' : 'host'} ${database} all all scram-sha-256\n`);
  return `# Written at every start; changes made here are lost.\n${lines.join('')}`;
}

/** Backslashes are escapes inside quotes here, other than in SQL. */
function quoteSetting(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
