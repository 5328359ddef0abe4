import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readControlFile } from '../../platform/local/control-file.ts';
import { askReplication } from '../../platform/target/replication.ts';
import { onEachMajor } from '../access/inspect/on-each-major.ts';

onEachMajor('what a switchover reads', (server) => {
  test('the control file says what the server says of itself', async () => {
    const { logFile, query } = server();
    await query('CHECKPOINT');
    const [said] = await query<{ systemIdentifier: string; timeline: number; checkpoint: number }>(
      `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS "systemIdentifier", timeline_id AS timeline,
         (checkpoint_lsn - '0/0')::float8 AS checkpoint FROM pg_control_checkpoint()`,
    );
    const found = await readControlFile(join(dirname(logFile), 'data'));
    expect(found).toEqual({ ...said, state: 'in production' });
    expect(found.checkpoint).toBeGreaterThan(0);
  });

  test('a primary says its timeline and position, whoever asks', async () => {
    for (const as of ['superuser', 'limited'] as const) {
      const client = await server().connect({ as });
      const position = await askReplication(client, 5_000);
      await client.end();
      expect(position).toEqual({ timeline: 1, receiving: false, position: expect.any(Number) });
      expect(position?.position).toBeGreaterThan(0);
    }
  });
});

test('a directory that is no data directory is refused, and said to be none', async () => {
  await expect(readControlFile('/nowhere')).rejects.toMatchObject({
    type: 'ServerUnavailable',
    message: expect.stringMatching(/is it the data directory/),
  });
});
