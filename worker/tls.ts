import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type Server } from 'node:tls';
import { Failure } from '../domain/failures.ts';
import type { Config } from '../platform/config/config.ts';
import { readPrivateFile } from '../platform/files/private-file.ts';
import type { Log } from '../platform/log.ts';

/** Certificate and key of the API. */
export interface TlsPair {
  cert: string;
  key: string;
}

/** Above what renewal tools take between writing the one file and the other; certificates are renewed weeks before their end. */
const LOOK_EVERY_MS = 10_000;

/** @throws Failure ConfigurationInvalid where the files are missing, open to others, or do not belong together */
export async function loadTls(files: NonNullable<Config['tls']>): Promise<TlsPair> {
  const cert = await readFile(files.certFile, 'utf8').catch((cause: unknown) => {
    throw new Failure('ConfigurationInvalid', `${files.certFile} cannot be read`, { cause });
  });
  const pair = { cert, key: await readPrivateFile(files.keyFile) };
  try {
    createSecureContext(pair);
  } catch (cause) {
    throw new Failure(
      'ConfigurationInvalid',
      `${files.certFile} and ${files.keyFile} are no certificate and its key in PEM form`,
      { cause },
    );
  }
  return pair;
}

/**
 * Gives servers the new pair when the files have changed; connections that are open keep the old one. A pair that does not fit
 * yet is left for the next look.
 */
export function renewTls(
  servers: readonly Server[],
  options: { files: NonNullable<Config['tls']>; log: Log; lookEveryMs?: number },
): { stop(): void } {
  const { files, log } = options;
  let seen = stampOf(files);

  async function look(): Promise<void> {
    const stamp = await stampOf(files);
    if (stamp === (await seen)) return;
    try {
      const pair = await loadTls(files);
      for (const server of servers) server.setSecureContext(pair);
      seen = Promise.resolve(stamp);
      log.info({ certificate: files.certFile }, 'the certificate has been read again');
    } catch (error) {
      log.warn({ err: error }, 'the certificate has changed and cannot be used; the previous one stays');
    }
  }

  const timer = setInterval(() => void look(), options.lookEveryMs ?? LOOK_EVERY_MS).unref();
  return { stop: () => clearInterval(timer) };
}

/** Changes when a file does, or is replaced, also behind a symbolic link. */
async function stampOf({ certFile, keyFile }: NonNullable<Config['tls']>): Promise<string> {
  const stamps = [certFile, keyFile].map(async (file) => {
    const found = await stat(file).catch(() => undefined);
    return found === undefined ? 'missing' : `${found.ino} ${found.mtimeMs} ${found.size}`;
  });
  return (await Promise.all(stamps)).join(', ');
}
