import type { TestDatabase } from './database.ts';
import { startHost } from './host.ts';

/** A worker in a process of its own: starts one service, says so on standard output, and waits to be killed. */
const input: { installationId: string; dataDir: string; port: number; database: TestDatabase } = JSON.parse(
  process.argv[2] ?? '',
);
const host = await startHost({ kind: 'process', ...input });
const bundle = host.bundle(input.database, { port: input.port });
const started = await host.activities.startService(await host.startInput(bundle));
await host.activities.awaitService({ ...bundle, timeoutMs: 30_000 });
process.stdout.write(`${JSON.stringify(started)}\n`);
