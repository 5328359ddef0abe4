import { isIP } from 'node:net';
import type pg from 'pg';

/** One address of a server. */
export interface Endpoint {
  address: string;
  port: number;
}

/** Where a server is and how its admin role logs in. Holds a password: never logged, never serialised. */
export interface TargetAddress {
  name: string;
  /** One, or a primary and its standbys in any order. */
  endpoints: Endpoint[];
  maintenanceDb: string;
  tls: { mode: 'disable' | 'require' | 'verify-ca' | 'verify-full'; caCertificate?: string };
  adminUser: string;
  adminPassword: string;
  /** Identity of the cluster as it was registered: of several endpoints, one with another identity is not used. */
  systemIdentifier?: string;
}

/** For people: `10.0.0.5:5432`. */
export function endpointLabel({ address, port }: Endpoint): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** TLS settings as libpq means them: `require` encrypts without a check, `verify-ca` leaves the name out. */
export function tlsOptions(tls: TargetAddress['tls'], host: string): pg.ClientConfig['ssl'] {
  if (tls.mode === 'disable') return false;
  if (tls.mode === 'require') return { rejectUnauthorized: false };
  return {
    ...(tls.caCertificate === undefined ? {} : { ca: tls.caCertificate }),
    rejectUnauthorized: true,
    // Node refuses an IP address as server name; it checks the address against the certificate all the same.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(tls.mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}
