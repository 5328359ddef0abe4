import { Failure } from '../failures.ts';
import type { ServiceBundle } from '../services.ts';
import { renderPostgrestConf, SERVICE_FILES, type ServiceView } from './conf.ts';
import { renderPassfile } from './passfile.ts';
import { renderServiceFile } from './service-file.ts';
import { requireVersion } from './versions.ts';

/** HS256 takes no shorter key. Bytes, not characters. */
const JWT_SECRET_MIN_BYTES = 32;

/**
 * Every file of one instance, by name. Contains secrets: for the host's disk only, mode 0600.
 * @throws Failure InvalidSpec for values that the formats cannot hold
 */
export function renderServiceFiles(bundle: ServiceBundle, view: ServiceView): Map<string, string> {
  const { connection, secrets } = bundle;
  const files = new Map([
    [SERVICE_FILES.conf, renderPostgrestConf(bundle, view)],
    [SERVICE_FILES.passfile, renderPassfile({ ...connection, password: secrets.password })],
    [SERVICE_FILES.login, renderServiceFile(connection.user)],
  ] as [string, string][]);
  if (connection.caCertificate !== undefined) files.set(SERVICE_FILES.rootCertificate, connection.caCertificate);
  // PostgREST removes exactly one line feed from the end of an `@file`: writing one keeps a secret that ends in one.
  if (secrets.jwtSecret !== undefined) {
    assertLongEnough(secrets.jwtSecret, bundle.version);
    files.set(SERVICE_FILES.jwtSecret, `${secrets.jwtSecret}\n`);
  }
  return files;
}

function assertLongEnough(jwtSecret: string, version: string): void {
  const short = new TextEncoder().encode(jwtSecret).length < JWT_SECRET_MIN_BYTES;
  if (!short || !requireVersion(version).refusesShortJwtSecret) return;
  throw new Failure(
    'InvalidSpec',
    `PostgREST ${version} does not start with a JWT secret below ${JWT_SECRET_MIN_BYTES} bytes`,
  );
}
