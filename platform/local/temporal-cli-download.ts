import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';

/** As documented at https://docs.temporal.io/cli; `TEMPORAL_CLI_DOWNLOAD_URL` names a mirror. */
const DOWNLOAD_URL = 'https://temporal.download/cli/archive/latest';
/** Some 50 MB, from an address that a closed network may swallow without an answer. */
const DOWNLOAD_TIMEOUT_MS = 180_000;
const ANSWER_TIMEOUT_MS = 15_000;
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Fetches the archive of the Temporal CLI for this machine and unpacks `temporal` into `directory`; answers with its path.
 * @throws when nothing is published for this machine, the address does not answer in time, or the archive holds no CLI.
 */
export async function downloadTemporalCli(options: {
  directory: string;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
}): Promise<string> {
  const { directory, env } = options;
  const arch = ARCHITECTURES[process.arch];
  if (arch === undefined) throw new Error(`no download for ${process.arch}`);
  const url = new URL(env.TEMPORAL_CLI_DOWNLOAD_URL ?? DOWNLOAD_URL);
  url.searchParams.set('platform', process.platform);
  url.searchParams.set('arch', arch);

  const unanswered = new AbortController();
  const timer = setTimeout(
    () => unanswered.abort(new Error(`${url.host} did not answer within ${ANSWER_TIMEOUT_MS / 1000} s`)),
    ANSWER_TIMEOUT_MS,
  );
  const bounds = [unanswered.signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)];
  const signal = AbortSignal.any(options.signal === undefined ? bounds : [...bounds, options.signal]);
  const response = await fetch(url, { signal }).finally(() => clearTimeout(timer));
  if (!response.ok || response.body === null) throw new Error(`${url.host} answered ${response.status}`);

  // Not 0700: this may make the state directory too, which PostgreSQL has to pass through as another user when we are root.
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const draft = join(directory, `temporal.${randomUUID()}`);
  try {
    await unpackTemporal(Readable.fromWeb(response.body), draft);
    const path = join(directory, 'temporal');
    await rename(draft, path);
    return path;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Writes the archive's entry `temporal` to `target`, executable. */
async function unpackTemporal(archive: Readable, target: string): Promise<void> {
  const entries = extract();
  const unpacking = pipeline(archive, createGunzip(), entries);
  let written = false;
  const writing = (async () => {
    for await (const entry of entries) {
      if (entry.header.name.replace(/^\.\//, '') === 'temporal') {
        await pipeline(entry, createWriteStream(target, { flags: 'wx', mode: 0o755 }));
        written = true;
      } else {
        entry.resume();
      }
    }
  })();
  await Promise.all([unpacking, writing]);
  if (!written) throw new Error('the archive holds no Temporal CLI');
}
