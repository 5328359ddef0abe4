import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { sayProgress } from '../../../platform/activity-progress.ts';
import { activityEdge } from '../../../worker/activity-edge.ts';

const log = pino({ level: 'silent' });

/** Heartbeats of a step that ends when it has sent `count`. */
async function heartbeats(count: number, step: () => void): Promise<unknown[]> {
  const environment = new MockActivityEnvironment({ heartbeatTimeoutMs: 40 }, { interceptors: [activityEdge(log)] });
  const sent: unknown[] = [];
  const enough = new Promise<void>((resolve) => {
    environment.on('heartbeat', (details: unknown) => {
      sent.push(details);
      if (sent.length === count) resolve();
    });
  });
  await environment.run(async () => {
    step();
    await enough;
  });
  return sent;
}

test('what a step said last is repeated with every heartbeat', async () => {
  const sent = await heartbeats(5, () => {
    sayProgress('pulling the image');
    sayProgress('starting');
  });
  expect(sent).toEqual(['pulling the image', 'starting', 'starting', 'starting', 'starting']);
});

test('a step that says nothing is heard of all the same', async () => {
  expect(await heartbeats(3, () => undefined)).toEqual([undefined, undefined, undefined]);
});
