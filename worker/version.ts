import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { VersionInfo } from '../api/deps.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const packageSchema = z.object({ version: z.string() });

/** Version of the package and, where it runs from a checkout, the commit. */
export async function versionInfo(): Promise<VersionInfo> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = packageSchema.parse(JSON.parse(text));
  return { version, arch: process.arch, ...(await commit()) };
}

/** Clients need every member; a package without a checkout has no commit to name. */
async function commit(): Promise<{ revision: string; revisionTime: string }> {
  try {
    const { stdout } = await promisify(execFile)('git', ['log', '-1', '--format=%H %cI'], {
      cwd: ROOT,
      timeout: 2_000,
    });
    const [revision = '', time = ''] = stdout.trim().split(' ');
    return { revision, revisionTime: new Date(time).toISOString().replace(/\.\d{3}Z$/, 'Z') };
  } catch {
    return { revision: 'unknown', revisionTime: '1970-01-01T00:00:00Z' };
  }
}
