import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { writePrivateFile } from '../platform/files/write-private-file.ts';
import { failureConverterPath } from '../platform/temporal/data-converter.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const WORKFLOWS = join(ROOT, 'workflows/index.ts');
const INTERCEPTORS = join(ROOT, 'workflows/interceptors.ts');
/** Everything that can end up in the bundle. */
const SOURCES = ['workflows', 'domain', 'platform/temporal/failure-converter.ts', 'package-lock.json'];

/** The workflow code as a worker loads it. Fails when a workflow imports what the sandbox does not have. */
export async function bundleWorkflows(): Promise<{ code: string }> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: WORKFLOWS,
    workflowInterceptorModules: [INTERCEPTORS],
    failureConverterPath,
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  });
  return { code };
}

/** Made with an image ({@link shipBundle}), so that its processes have none to build. */
const SHIPPED = join(ROOT, 'dist/workflow-bundle.js');

/**
 * The same, kept in `file` until a source changes: bundling takes a second or two of each start otherwise. One that was
 * shipped beside the code is used where it was made from the same sources.
 */
export async function cachedBundle(file: string): Promise<{ code: string }> {
  const stamp = await stampOfSources();
  for (const candidate of [SHIPPED, file]) {
    const kept = await readFile(candidate, 'utf8').catch(() => '');
    if (kept.startsWith(stamp)) return { code: kept };
  }
  const { code } = await bundleWorkflows();
  await writePrivateFile(file, stamp + code);
  return { code };
}

/** Makes the bundle that lies beside the code. @returns its file */
export async function shipBundle(): Promise<string> {
  const { code } = await bundleWorkflows();
  await mkdir(dirname(SHIPPED), { recursive: true });
  await writeFile(SHIPPED, (await stampOfSources()) + code);
  return SHIPPED;
}

/** First line of a bundle: what it was made from. */
async function stampOfSources(): Promise<string> {
  return `// sources ${await hashSources()}\n`;
}

async function hashSources(): Promise<string> {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    for (const file of await listFiles(join(ROOT, source))) hash.update(file).update(await readFile(file));
  }
  return hash.digest('hex');
}

/** TypeScript files below a directory, or the one file that `path` names. */
async function listFiles(path: string): Promise<string[]> {
  const names = await readdir(path, { recursive: true }).catch(() => undefined);
  if (names === undefined) return [path];
  return names
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(path, name))
    .sort();
}
