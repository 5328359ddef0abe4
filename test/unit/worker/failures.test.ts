import { ServiceError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createMetadataPool } from '../../../store/connection.ts';
import { activityEdge } from '../../../worker/activity-edge.ts';
import { serversAway } from '../../../worker/servers-away.ts';
import { freePort } from '../../support/ports.ts';

const log = pino({ level: 'silent' });
/** Far beyond what an unforeseen error gets. */
const ATTEMPT = 50;

/** What Temporal is told of a step that throws, at a late attempt. */
async function told(step: () => Promise<unknown>): Promise<ApplicationFailure> {
  const interceptors = [activityEdge(log, undefined, serversAway)];
  const environment = new MockActivityEnvironment({ attempt: ATTEMPT }, { interceptors });
  const error = await environment.run(step).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApplicationFailure)) throw new Error(`not told as a failure: ${error}`);
  return error;
}

describe('a step that fails', () => {
  test('because the metadata server is away is tried again, however often it was tried before', async () => {
    const connection = { host: '127.0.0.1', port: await freePort(), database: 'none', user: 'none', password: '' };
    const db = createMetadataPool(connection);
    const failure = await told(() => db.query('SELECT 1'));
    expect(failure).toMatchObject({ type: 'ServerUnavailable', nonRetryable: false });
    expect(failure.message).toMatch(/^the metadata database does not answer: .*ECONNREFUSED/);
    await db.end();
  });

  test.each(['Client has encountered a connection error and is not queryable', 'Connection terminated unexpectedly'])(
    'because its connection broke (%s) is, too',
    async (message) => {
      expect(await told(() => Promise.reject(new Error(message)))).toMatchObject({ nonRetryable: false });
    },
  );

  test.each([4, 14])('because Temporal is away (code %i of gRPC) is, too', async (code) => {
    // As the connection of a worker makes them, and the client wraps them.
    const cause = Object.assign(new Error('tcp connect error'), { code, details: '', metadata: {} });
    const failure = await told(() => Promise.reject(new ServiceError('Failed to list schedules', { cause })));
    expect(failure).toMatchObject({ type: 'ServerUnavailable', nonRetryable: false });
    expect(failure.message).toBe('Temporal does not answer: Failed to list schedules');
  });

  test('because Temporal refuses it is not', async () => {
    const cause = Object.assign(new Error('no such thing'), { code: 3, details: '', metadata: {} });
    expect(await told(() => Promise.reject(cause))).toMatchObject({ type: 'Unexpected', nonRetryable: true });
  });

  test('for a reason that nobody foresaw is not, after some attempts', async () => {
    const failure = await told(() => Promise.reject(new TypeError('a mistake of ours')));
    expect(failure).toMatchObject({ type: 'Unexpected', nonRetryable: true });
    expect(failure.message).not.toContain('a mistake of ours');
  });
});
