import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../../platform/config/config.ts';
import type { MetadataConnection } from '../../../store/connection.ts';
import type { TestStack } from '../../support/stack.ts';

/** What the API process is told. Sent over its channel, because it holds a password. */
export interface ApiOrders {
  config: Config;
  metadata: MetadataConnection;
  request: object;
}

const BOUND_MS = 60_000;

/** Posts a create to an API in a process of its own, which is killed after it has committed and before it starts the run. */
export async function postAndKillApi(stack: TestStack, request: object): Promise<void> {
  const fixture = fileURLToPath(new URL('../fixtures/api.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', fixture], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit', { signal: AbortSignal.timeout(BOUND_MS) });
  const orders: ApiOrders = { config: stack.config, metadata: stack.metadata, request };
  child.send(orders);
  try {
    const [, signal] = await exited;
    if (signal !== 'SIGKILL') throw new Error('the API process was not killed');
  } finally {
    child.kill('SIGKILL');
  }
}
