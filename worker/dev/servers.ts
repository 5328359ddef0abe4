import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SEARCH_ATTRIBUTES } from '../../domain/search-attributes.ts';
import type { Config } from '../../platform/config/config.ts';
import {
  type CertificateAuthority,
  ensureCertificateAuthority,
  ensureServerCertificate,
} from '../../platform/local/certificates.ts';
import { createLocalPostgres, type LocalPostgres } from '../../platform/local/postgres.ts';
import { createLocalTemporal, type LocalTemporal } from '../../platform/local/temporal.ts';
import { embeddedPasswordFile } from '../metadata.ts';
import type { TlsPair } from '../tls.ts';

/** Directories of other accounts lie below: they may pass through, and see nothing. */
const PASSABLE = 0o711;

/** Makes the directories of the development stack. */
export async function makeHome(home: string): Promise<void> {
  for (const directory of ['', 'postgres', 'temporal', 'logs', 'tls', 'bin', 'hosts']) {
    await mkdir(join(home, directory), { recursive: true, mode: PASSABLE });
  }
}

/** The embedded server of the metadata database; undefined where an existing one is configured. */
export function metadataServer(config: Config): LocalPostgres | undefined {
  if (config.metadata.kind === 'existing') return undefined;
  return createLocalPostgres({
    name: 'metadata',
    dataDir: join(config.home, 'postgres/metadata'),
    logFile: join(config.home, 'postgres/metadata.log'),
    passwordFile: embeddedPasswordFile(config),
    port: config.metadata.port,
    portVariable: 'PGSTEWARD_METADATA_PORT',
    settings: { shared_buffers: '64MB' },
  });
}

/** The embedded target server of the development host, with TLS from the local authority. */
export async function targetServer(
  config: Config,
): Promise<{ server: LocalPostgres; authority: CertificateAuthority }> {
  const authority = await ensureCertificateAuthority(join(config.home, 'tls/ca'));
  const tls = await ensureServerCertificate({
    ca: authority,
    dir: join(config.home, 'tls/target'),
    names: ['localhost', config.host.id],
    addresses: ['127.0.0.1'],
  });
  const dataDir = join(config.home, 'postgres', config.host.id);
  const server = createLocalPostgres({
    name: config.host.id,
    dataDir,
    superuser: await targetSuperuser(dataDir),
    logFile: join(config.home, 'postgres', `${config.host.id}.log`),
    passwordFile: join(config.home, 'postgres', `${config.host.id}.password`),
    port: config.targetPort,
    portVariable: 'PGSTEWARD_TARGET_PORT',
    tls,
  });
  return { server, authority };
}

/** The control plane's login on the target, so that `postgres` is a role of the cluster, which its team may use. */
const TARGET_SUPERUSER = 'pgsteward';
/** Superuser of targets that earlier releases made. */
const FORMER_SUPERUSER = 'postgres';

/** Kept beside the data directory: a cluster has the superuser for life that it was made with. */
async function targetSuperuser(dataDir: string): Promise<string> {
  const file = `${dataDir}.superuser`;
  const known = await readIfThere(file);
  if (known !== undefined) return known.trim();
  const isMade = (await readIfThere(join(dataDir, 'PG_VERSION'))) !== undefined;
  const superuser = isMade ? FORMER_SUPERUSER : TARGET_SUPERUSER;
  await writeFile(file, `${superuser}\n`);
  return superuser;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Certificate for the listener of the cluster API, whose command line speaks TLS only; of the same authority. */
export async function clustersCertificate(config: Config): Promise<TlsPair> {
  const { certificatePem: cert, keyPem: key } = await ensureServerCertificate({
    ca: await ensureCertificateAuthority(join(config.home, 'tls/ca')),
    dir: join(config.home, 'tls/clusters'),
    names: ['localhost'],
    addresses: ['127.0.0.1'],
  });
  return { cert, key };
}

/** The Temporal development server; with `TEMPORAL_ADDRESS` there is nothing to start. */
export function temporalServer(
  config: Config,
  options: { codecEndpoint: string | undefined; env: NodeJS.ProcessEnv; progress: (text: string) => void },
): LocalTemporal {
  const { server, namespace } = config.temporal;
  const { codecEndpoint, env, progress } = options;
  return createLocalTemporal({
    stateDir: join(config.home, 'temporal'),
    cliCacheDir: join(config.home, 'bin'),
    port: server.kind === 'development' ? server.port : 0,
    uiPort: server.kind === 'development' ? server.uiPort : 0,
    uiAddress: config.devAddress,
    namespace,
    searchAttributes: SEARCH_ATTRIBUTES,
    ...(codecEndpoint === undefined ? {} : { codecEndpoint }),
    env,
    progress,
  });
}
