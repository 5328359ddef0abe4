import { once } from 'node:events';
import type { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servicesDirectory } from '../../activities/host/instance-records.ts';
import { remove, taskEnded, until } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { processesIn } from '../support/services.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { rest } from './support/rest.ts';
import { NO_RECORDS, records, type Survey, survey } from './support/survey.ts';
import { pendingSteps } from './support/temporal.ts';
import { owner, tenantRequest } from './support/tenants.ts';

interface TaskName {
  database_id: string;
  task_id: string;
}

/** Posts a create, which must be accepted. */
async function accept(stack: TestStack, request: { id: string }): Promise<TaskName> {
  const { status, body } = await stack.call('POST', '/v1/databases', request);
  expect(status, JSON.stringify(body)).toBe(200);
  return body.task;
}

/** Waits until a step of the task waits for its next attempt or for a worker, and gives its state. */
function waiting(stack: TestStack, task: TaskName, step: string) {
  return until(async () => {
    const steps = await pendingSteps(stack, task.task_id);
    return steps.find(({ type, reason, taken }) => type === step && (reason !== undefined || !taken));
  });
}

describe('bad luck that passes', () => {
  let stack: TestStack;
  let clean: Survey;

  beforeAll(async () => {
    // Room for twenty pairs of ports, below those that the system hands out.
    stack = await startTestStack({ runtime: 'process', env: { PGSTEWARD_PORT_RANGE: widePortRange(100) } });
    clean = await survey(stack);
  });
  afterAll(() => stack?.stop());

  it('a server that is down delays a create, with the reason to be seen, and it succeeds when the server is back', async () => {
    await stack.target.stopServer();
    const task = await accept(stack, tenantRequest({ id: 'patient', users: [owner('patient_user')] }));
    const step = await waiting(stack, task, 'createRoles');
    expect(step.reason).toMatch(/^PostgreSQL did not answer while creating roles on server host-1: .*ECONNREFUSED/);
    await stack.target.startServer();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
    expect(await remove(stack, 'patient')).toMatchObject({ status: 'completed' });
  });

  it('a host worker that is down delays a create, and it succeeds when the worker is back', async () => {
    await stack.hostWorker.stop();
    const users = [owner('absent_user')];
    const task = await accept(stack, tenantRequest({ id: 'absent', users, port: stack.port() }));
    expect(await waiting(stack, task, 'startService')).toMatchObject({ taken: false, queue: 'host.host-1' });
    await stack.restartHostWorker();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
    expect(await rest(stack.port(), '/')).toMatchObject({ status: 200 });
    expect(await remove(stack, 'absent')).toMatchObject({ status: 'completed' });
  });

  it('twenty databases asked for at once all get their service, and all go again', async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `crowd-${index}`);
    const tasks = await Promise.all(
      ids.map((id) => accept(stack, tenantRequest({ id, users: [owner(`${id}_user`)], port: 0 }))),
    );
    const ends = await Promise.all(tasks.map((task) => taskEnded(stack, task)));
    expect(ends.map(({ status, error }) => error ?? status)).toEqual(ids.map(() => 'completed'));
    const { rows } = await stack.control.db.query<{ port: number }>(
      `SELECT port FROM service_instances WHERE state = 'running'`,
    );
    const answers = await Promise.all(rows.map(({ port }) => rest(port, '/')));
    expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 200));
    const removals = await Promise.all(ids.map((id) => remove(stack, id)));
    expect(removals.map(({ status, error }) => error ?? status)).toEqual(ids.map(() => 'completed'));
    expect(await survey(stack)).toEqual(clean);
    expect(await records(stack)).toEqual(NO_RECORDS);
  });
});

describe('bad luck that does not pass within the bound', () => {
  let stack: TestStack;
  let clean: Survey;
  /** Its host worker ends between the start of the service and its first answer. */
  let hostless: TaskName;
  /** Its server is down from the beginning. */
  let serverless: TaskName;

  beforeAll(async () => {
    const waitsForAnswer = new AbortController();
    stack = await startTestStack({
      runtime: 'process',
      env: { PGSTEWARD_TASK_TIMEOUT_SECONDS: '15' },
      hostInterceptors: [holdStep('awaitService', () => waitsForAnswer.abort())],
    });
    clean = await survey(stack);
    hostless = await accept(
      stack,
      tenantRequest({ id: 'hostless', users: [owner('hostless_user')], port: stack.port() }),
    );
    if (!waitsForAnswer.signal.aborted) await once(waitsForAnswer.signal, 'abort');
    await stack.hostWorker.stop();
    await stack.target.stopServer();
    serverless = await accept(stack, tenantRequest({ id: 'serverless', users: [owner('serverless_user')] }));
  });
  afterAll(() => stack?.stop());

  it('leaves word for the host, and its service runs on meanwhile', async () => {
    const { rows } = await until(async () => {
      const found = await stack.control.db.query<{ instance_id: string }>('SELECT instance_id FROM tombstones');
      return found.rowCount === 0 ? undefined : found;
    }, 90_000);
    expect(rows).toEqual([{ instance_id: 'hostless-api-host-1' }]);
    expect(await processesIn(servicesDirectory(stack.config.host.dataDir))).toHaveLength(1);
  });

  it('goes on undoing until the server is back, showing the reason', async () => {
    const step = await waiting(stack, serverless, 'undoCreateDatabase');
    expect(step.reason).toContain('PostgreSQL did not answer while');
    await stack.target.startServer();
  });

  it('fails with the reason, and leaves nothing on the server', async () => {
    const [withoutHost, withoutServer] = [await taskEnded(stack, hostless), await taskEnded(stack, serverless)];
    expect(withoutHost).toMatchObject({ status: 'failed' });
    expect(withoutHost.error).toContain('host host-1 gave no answer within the time allowed');
    expect(withoutServer).toMatchObject({ status: 'failed' });
    expect(withoutServer.error).toContain('create roles: PostgreSQL did not answer while creating roles');
    expect(await stack.target.inventory()).toEqual({ roles: clean.roles, databases: clean.databases });
  });

  it('has the host remove the service when its worker starts again', async () => {
    await stack.restartHostWorker();
    expect(await survey(stack)).toEqual(clean);
    for (const id of ['hostless', 'serverless']) expect(await remove(stack, id)).toMatchObject({ status: 'completed' });
    expect(await records(stack)).toEqual(NO_RECORDS);
  });
});

/** A host worker's interceptor in which one step never gets further than its beginning. */
function holdStep(step: string, begun: () => void) {
  return (context: Context) => ({
    inbound: {
      async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
        if (context.info.activityType !== step) return next(input);
        begun();
        return context.cancelled;
      },
    },
  });
}
