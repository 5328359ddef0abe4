import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost } from './support/host.ts';
import { call } from './support/http.ts';

const DATABASE_PORT = 15_540;
const PORT = 15_542;
const WORKER = fileURLToPath(new URL('./support/worker-process.ts', import.meta.url));

test('after kill -9 of its worker a service process is found again and adopted, not doubled', {
  timeout: 60_000,
}, async () => {
  const database = await startDatabase({ port: DATABASE_PORT });
  const directory = await makeDirectory();
  const installationId = newInstallationId();
  const input = JSON.stringify({ installationId, dataDir: directory.path, port: PORT, database });
  const worker = spawn(process.execPath, ['--import', 'tsx', WORKER, input], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [said] = (await once(worker.stdout, 'data')) as [Buffer];
    const started: { instanceId: string; containerId: string } = JSON.parse(said.toString('utf8'));
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    expect((await call(PORT, '/products')).status).toBe(200);

    const host = await startHost({ kind: 'process', installationId, dataDir: directory.path });
    try {
      const { runtime } = host.context;
      expect(await runtime.startAgain(started.instanceId)).toMatchObject({
        containerId: started.containerId,
        running: true,
      });
      // Adopted means supervised: it is started again when it ends.
      process.kill(Number(started.containerId.slice('pid:'.length)), 'SIGKILL');
      const now = async () => (await runtime.inspect(started.instanceId))?.containerId;
      await expect.poll(now, { timeout: 20_000 }).toMatch(/^pid:\d+$/);
      await expect.poll(now, { timeout: 20_000 }).not.toBe(started.containerId);
      await runtime.remove(started.instanceId);
    } finally {
      await host.close();
    }
  } finally {
    worker.kill('SIGKILL');
    await database.stop();
    await directory.remove();
  }
});
