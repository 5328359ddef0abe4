import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { SEARCH_ATTRIBUTES } from '../../domain/search-attributes.ts';
import { createLocalPostgres } from '../../platform/local/postgres.ts';
import { createLocalTemporal } from '../../platform/local/temporal.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { freePort } from './ports.ts';

/** What every test file may use: one Temporal server, one metadata server, the workflow bundle. */
export interface SharedServers {
  temporalAddress: string;
  metadata: { host: string; port: number; user: string; password: string };
  workflowBundleFile: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    servers: SharedServers;
  }
}

/** Starts the shared servers once for the whole run, and stops them after it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = await mkdtemp(join(tmpdir(), 'pgsteward-tests-'));
  await chmod(home, 0o755);
  const temporal = createLocalTemporal({
    stateDir: home,
    cliCacheDir: join(home, 'bin'),
    port: await freePort(),
    uiPort: await freePort(),
    namespace: 'default',
    searchAttributes: SEARCH_ATTRIBUTES,
    env: process.env,
    progress: (text) => void process.stderr.write(`${text}\n`),
  });
  const metadata = createLocalPostgres({
    name: 'metadata',
    dataDir: join(home, 'metadata'),
    logFile: join(home, 'metadata.log'),
    passwordFile: join(home, 'metadata.password'),
    port: await freePort(),
    portVariable: 'none',
    settings: { shared_buffers: '64MB' },
  });
  const bundleFile = join(home, 'workflow-bundle.js');
  const [temporalServer, metadataServer, bundle] = await Promise.all([
    temporal.start(),
    metadata.start(),
    bundleWorkflows(),
  ]);
  await writeFile(bundleFile, bundle.code);
  const { address: host, port, user, password } = metadataServer;
  project.provide('servers', {
    temporalAddress: temporalServer.address,
    metadata: { host, port, user, password },
    workflowBundleFile: bundleFile,
  });
  return async () => {
    await Promise.all([temporal.stop(), metadata.stop()]);
    await rm(home, { recursive: true, force: true });
  };
}
