import type { ServiceConnection } from '../services.ts';
import { isLoopback } from './loopback.ts';

/** Seconds to establish a connection to one server; without it a hung primary is never given up. */
const CONNECT_TIMEOUT_SECONDS = 2;

/** Together they end a connection to a vanished server within half a minute. */
const KEEPALIVE = {
  keepalives: 1,
  keepalives_idle: 10,
  keepalives_interval: 5,
  keepalives_count: 3,
  tcp_user_timeout: 15_000,
};

/** Name of the entry in libpq's service file that has the login. */
export const LIBPQ_SERVICE = 'pgsteward';

/** What {@link databaseUri} needs beside the connection itself. */
export interface UriSurroundings {
  passfile: string;
  /** Path of the CA certificate, needed when the connection has one. */
  rootCertificate: string;
  /** Name under which loopback addresses are reached, for a PostgREST that has a loopback interface of its own. */
  loopbackAlias?: string;
}

/**
 * The libpq URI of a service: every server, in order, and neither user nor password. PostgREST keeps the URI that it was started with,
 * but libpq reads the service file and the password file for each new connection: so another login takes a reload, not a new
 * process. Percent-encoding leaves nothing that postgrest.conf or libpq could misread.
 */
export function databaseUri(connection: ServiceConnection, surroundings: UriSurroundings): string {
  const hosts = connection.servers.map(({ address, port }) => {
    const seen = surroundings.loopbackAlias && isLoopback(address) ? surroundings.loopbackAlias : address;
    return `${seen.includes(':') ? `[${seen}]` : encodeURIComponent(seen)}:${port}`;
  });
  const parameters = {
    service: LIBPQ_SERVICE,
    target_session_attrs: connection.targetSessionAttributes,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    ...KEEPALIVE,
    application_name: connection.applicationName,
    sslmode: connection.sslMode,
    ...(connection.caCertificate !== undefined && { sslrootcert: surroundings.rootCertificate }),
    passfile: surroundings.passfile,
  };
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `postgresql://${hosts.join(',')}/${encodeURIComponent(connection.database)}?${query.join('&')}`;
}
