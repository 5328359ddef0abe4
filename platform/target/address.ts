import { isIP } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
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
  const secureContext = secureContextOf(tls);
  if (tls.mode === 'require') return { secureContext, rejectUnauthorized: false };
  return {
    secureContext,
    rejectUnauthorized: true,
    // Node refuses an IP address as server name; it checks the address against the certificate all the same.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(tls.mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}

const secureContexts = new WeakMap<TargetAddress['tls'], SecureContext>();

/** What is trusted, prepared once for all connections to an address: it is a quarter of the CPU time that one costs us. */
function secureContextOf(tls: TargetAddress['tls']): SecureContext {
  const known = secureContexts.get(tls);
  if (known !== undefined) return known;
  const { mode, caCertificate } = tls;
  const made = createSecureContext(mode === 'require' || caCertificate === undefined ? {} : { ca: caCertificate });
  secureContexts.set(tls, made);
  return made;
}
