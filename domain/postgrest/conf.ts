import { Failure } from '../failures.ts';
import type { ServiceBundle, ServiceConnection } from '../services.ts';
import { adminListener } from './admin-listener.ts';
import { claimKeyIn } from './claim-key.ts';
import { confString } from './conf-string.ts';
import { databaseUri } from './database-uri.ts';
import { type PostgrestVersion, requireVersion } from './versions.ts';

/** How PostgREST sees its surroundings. Inside a bridged container this differs from the host's own view. */
export interface ServiceView {
  /** Directory of its files. */
  directory: string;
  /** Value of `server-host`: an address, a name, or one of PostgREST's wildcards such as `*4`. */
  address: string;
  port: number;
  /** Name under which the host's loopback addresses are reached; absent = they are its own. */
  loopbackAlias?: string;
}

/** Names of the files of one instance, all in {@link ServiceView.directory}. */
export const SERVICE_FILES = {
  conf: 'postgrest.conf',
  passfile: 'pgpass',
  login: 'pg_service.conf',
  jwtSecret: 'jwt_secret',
  rootCertificate: 'ca.pem',
} as const;

/**
 * PostgREST sends `Access-Control-Allow-Origin: *` unless it has a list of origins, and no CORS header at all when the
 * caller's is not in the list; so "CORS off" is a list of one origin that cannot exist (measured on 12.0.2).
 */
const NO_CORS_ORIGIN = 'https://cors.disabled.invalid';

/**
 * The text of postgrest.conf, as the release of the bundle reads it. It holds no secret: the password stands in the password file, the JWT secret in a file
 * of its own, because a literal that starts with `@` would be taken for a file name.
 * @throws Failure InvalidSpec for values that the format or the release cannot hold, UnsupportedVersion
 */
export function renderPostgrestConf(bundle: ServiceBundle, view: ServiceView): string {
  const { settings, secrets } = bundle;
  const release = requireVersion(bundle.version);
  const admin = adminListener(release, view);
  const file = (name: string) => `${view.directory}/${name}`;
  const entries: [key: string, value: string | number | boolean | undefined][] = [
    [
      'db-uri',
      databaseUri(bundle.connection, {
        passfile: file(SERVICE_FILES.passfile),
        rootCertificate: file(SERVICE_FILES.rootCertificate),
        ...(view.loopbackAlias !== undefined && { loopbackAlias: view.loopbackAlias }),
      }),
    ],
    ['db-schemas', schemaList(settings.schemas)],
    ['db-anon-role', settings.anonymousRole],
    ['db-pool', settings.pool],
    ['db-max-rows', settings.maxRows],
    ['db-pre-request', settings.preRequest],
    ['db-channel', settings.channel],
    ['db-channel-enabled', listens(release, bundle.connection) ? undefined : false],
    ['jwt-secret', secrets.jwtSecret === undefined ? undefined : `@${file(SERVICE_FILES.jwtSecret)}`],
    ['jwt-aud', settings.jwtAudience],
    ['jwt-role-claim-key', settings.jwtRoleClaimKey && claimKeyIn(release.claimKeySyntax, settings.jwtRoleClaimKey)],
    ['server-cors-allowed-origins', settings.corsAllowedOrigins ?? NO_CORS_ORIGIN],
    ['server-host', view.address],
    ['server-port', view.port],
    ['admin-server-host', admin?.host],
    ['admin-server-port', admin?.port],
    // Start, connection and schema cache lines are written at every level; `error` keeps request paths out of the log.
    ['log-level', 'error'],
  ];
  return entries
    .filter((entry): entry is [string, string | number | boolean] => entry[1] !== undefined)
    .map(([key, value]) => `${key} = ${typeof value === 'string' ? confString(value) : value}\n`)
    .join('');
}

/** One server that is to be a standby: a listener that wants a writable one would keep the instance from being ready. */
function listens(release: PostgrestVersion, { servers, targetSessionAttributes }: ServiceConnection): boolean {
  const standbyOnly = targetSessionAttributes === 'standby' && servers.length === 1;
  return !(release.listensOnPrimaryOnly && standbyOnly);
}

/** PostgREST splits the list at every comma and trims the parts; there is no quoting. */
function schemaList(schemas: readonly string[]): string {
  const unfit = schemas.find((schema) => schema.includes(',') || schema.trim() !== schema || schema === '');
  if (unfit !== undefined) {
    throw new Failure(
      'InvalidSpec',
      `schema name ${JSON.stringify(unfit)} cannot be written in PostgREST's db-schemas`,
    );
  }
  return schemas.join(', ');
}
