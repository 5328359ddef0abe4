/** How a standby reaches its primary; the password stands in a file. */
export interface Following {
  address: string;
  port: number;
  user: string;
  passfile: string;
  sslMode: string;
  /** File with the CA of the primary's certificate. */
  rootCertificate?: string;
  /** As pg_stat_replication shows the standby. */
  applicationName: string;
}

/** `primary_conninfo`: keywords and values as libpq reads them, without a secret. */
export function renderConninfo(of: Following): string {
  const words: [string, string | number | undefined][] = [
    ['host', of.address],
    ['port', of.port],
    ['user', of.user],
    ['passfile', of.passfile],
    ['sslmode', of.sslMode],
    ['sslrootcert', of.rootCertificate],
    ['application_name', of.applicationName],
    // A new primary that vanishes is given up.
    ['keepalives_idle', 10],
    ['connect_timeout', 5],
  ];
  return words.flatMap(([word, value]) => (value === undefined ? [] : [`${word}=${quoted(String(value))}`])).join(' ');
}

function quoted(value: string): string {
  return /^[A-Za-z0-9._:/-]+$/.test(value) ? value : `'${value.replaceAll(/['\\]/g, '\\$&')}'`;
}
