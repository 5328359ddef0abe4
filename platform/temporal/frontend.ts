import { readFile } from 'node:fs/promises';
import type { TLSConfig } from '@temporalio/client';
import { Failure } from '../../domain/failures.ts';
import type { Config } from '../config/config.ts';
import { readPrivateFile } from '../files/private-file.ts';

/** How a Temporal frontend is reached, as both kinds of the SDK's connections take it. Holds secrets. */
export interface Frontend {
  address: string;
  tls?: TLSConfig;
  apiKey?: string;
}

/**
 * Where Temporal is, with the files that its configuration names read; a development server is on loopback and plain.
 * @throws Failure ConfigurationInvalid naming the file that is missing, or a private one that others may read
 */
export async function frontendOf({ server }: Pick<Config['temporal'], 'server'>): Promise<Frontend> {
  if (server.kind === 'development') return { address: `127.0.0.1:${server.port}` };
  const { address, tls, apiKeyFile } = server;
  return {
    address,
    ...(tls !== undefined && { tls: await loadTls(tls) }),
    ...(apiKeyFile !== undefined && { apiKey: (await readPrivateFile(apiKeyFile)).trim() }),
  };
}

async function loadTls({ caFile, serverName, client }: TemporalTls): Promise<TLSConfig> {
  const [authority, crt, key] = await Promise.all([
    caFile === undefined ? undefined : pem(caFile),
    client === undefined ? undefined : pem(client.certFile),
    client === undefined ? undefined : readPrivateFile(client.keyFile),
  ]);
  return {
    ...(authority !== undefined && { serverRootCACertificate: authority }),
    ...(serverName !== undefined && { serverNameOverride: serverName }),
    ...(crt !== undefined && key !== undefined && { clientCertPair: { crt, key: Buffer.from(key) } }),
  };
}

type TemporalTls = NonNullable<Extract<Config['temporal']['server'], { kind: 'existing' }>['tls']>;

function pem(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: unknown) => {
    throw new Failure('ConfigurationInvalid', `${file} cannot be read`, { cause, details: { file } });
  });
}
