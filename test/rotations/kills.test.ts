import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStored } from '../../platform/secrets/open-stored.ts';
import { currentSecrets, taskSecretId } from '../../store/secrets.ts';
import { provision } from '../e2e/support/tenants.ts';
import { startWorkerProcess, type WorkerProcess } from '../faults/support/worker-process.ts';
import { widePortRange } from '../support/ports.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { define, ended, logsIn, shown } from './support/rotations.ts';

/*
 * One rotation for each activity. Each waits right after the effect of its own activity; when all wait, the one process that runs
 * all workers kills itself with SIGKILL, and another one is started. All the while somebody looks whether one of the two passwords
 * logs in.
 */
interface Case {
  name: string;
  strategy: 'alternating' | 'in-place';
  activity: string;
  /** It fails before this one: then its undo is what is killed. */
  fails?: string;
  /** Of a database with a service, instead of a role without anybody to tell but a file. */
  service?: true;
}

const of = (
  strategy: Case['strategy'],
  more: Omit<Case, 'name' | 'strategy' | 'activity'>,
  activities: string[],
): Case[] => activities.map((activity) => ({ name: `${strategy}: ${activity}`, strategy, activity, ...more }));

const CASES: Case[] = [
  ...of('alternating', {}, [
    'loadRotation',
    'prepareLogin',
    'proveRotation',
    'updateConsumers',
    'publishRotation',
    'retireLogin',
    'endFormerSessions',
    'finishRotation',
  ]),
  ...of('in-place', {}, ['setRolePassword', 'updateConsumers', 'publishRotation']),
  ...of('alternating', { service: true }, ['sealRotation', 'stageService', 'changeService', 'settleService']),
  ...of('in-place', { service: true }, ['changeService']),
  ...of('alternating', { fails: 'publishRotation' }, ['undoUpdateConsumers', 'undoPrepareLogin', 'failTask']),
  ...of('in-place', { fails: 'publishRotation' }, ['undoSetRolePassword']),
  ...of('in-place', { fails: 'publishRotation', service: true }, ['undoChangeService']),
];

const FIRST = 'first-password';
const named = CASES.map((one, index): [string, number] => [one.name, index]);
const subject = (index: number) => `r${index}`;

let directory: string;
let stack: TestStack;
let worker: WorkerProcess | undefined;
const rotations: string[] = [];
const tasks: { server: string; task_id: string }[] = [];
const pending: { login: string; password: string }[] = [];
const lockedOut: string[] = [];
let watching = true;
let watch: Promise<unknown>;

/** The login and the password that a run is to set. */
async function pendingOf(rotationId: string, taskId: string): Promise<{ login: string; password: string }> {
  const { runs } = await shown(stack, rotationId);
  const { login } = runs[0];
  const id = taskSecretId(taskId, login);
  const secret = (await currentSecrets(stack.control.db, [id])).get(id);
  if (secret === undefined) throw new Error('the run has no password');
  return { login, password: JSON.parse(openStored(stack.control.sealer, secret)).password };
}

/** Either password, while one takes the place of the other. */
async function oneLogsIn(index: number): Promise<boolean> {
  const before = { user: subject(index), password: FIRST };
  const { login: user, password } = pending[index] ?? { login: '', password: '' };
  for (const login of [before, { user, password }, before]) if (await logsIn(stack, login)) return true;
  return false;
}

async function watchAll(): Promise<void> {
  while (watching) {
    for (const [index] of pending.entries()) if (!(await oneLogsIn(index))) lockedOut.push(CASES[index]?.name ?? '');
    await delay(10);
  }
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pgsteward-consumers-'));
  stack = await startTestStack({
    runtime: 'process',
    workers: false,
    env: { PGSTEWARD_PORT_RANGE: widePortRange(100), PGSTEWARD_CONSUMERS_DIR: directory },
  });
  worker = await startWorkerProcess(stack);
  for (const [index, { strategy, service }] of CASES.entries()) {
    const role = subject(index);
    if (service === true) {
      await provision(
        stack,
        seedRequest({ id: role, user: role, password: FIRST, port: stack.config.portRange.first + 2 * index }),
      );
    } else await stack.target.query(`CREATE ROLE ${role} LOGIN PASSWORD '${FIRST}'`);
    const file = { kind: 'file', name: 'file', path: `${role}.json` };
    const { id } = await define(stack, {
      ...{ server: 'host-1', role, strategy, consumers: [file] },
      ...(strategy === 'alternating' && { sessions: { policy: 'end' } }),
    });
    rotations.push(id);
  }
  await worker.stop();
  worker = await startWorkerProcess(stack, {
    killAt: CASES.map(({ activity }, index) => ({ subject: rotations[index] ?? '', activity, when: 'after' })),
    failAt: CASES.flatMap(({ fails }, index) =>
      fails === undefined ? [] : [{ subject: rotations[index] ?? '', activity: fails, when: 'before' as const }],
    ),
  });
  for (const id of rotations) {
    const { status, body } = await stack.call('POST', `/v1/rotations/${id}/trigger`);
    if (status !== 202) throw new Error(`refused: ${JSON.stringify(body)}`);
    tasks.push(body);
    pending.push(await pendingOf(id, body.task_id));
  }
  watch = watchAll();
  await worker.killed;
  worker = await startWorkerProcess(stack);
}, 240_000);

afterAll(async () => {
  watching = false;
  await watch;
  await worker?.stop();
  await stack?.stop();
  await rm(directory, { recursive: true, force: true });
});

describe('a worker that is killed during rotations', () => {
  it.each(named)('right after %s: the next one brings the run to its end', async (_, index) => {
    const task = await ended(stack, tasks[index] ?? { server: '', task_id: '' });
    const { fails, strategy } = CASES[index] ?? {};
    expect(task).toMatchObject({ status: fails === undefined ? 'completed' : 'failed' });
    const { login: user, password } = pending[index] ?? { login: '', password: '' };
    const former = await logsIn(stack, { user: subject(index), password: FIRST });
    const later = await logsIn(stack, { user, password });
    expect({ former, later, strategy }).toEqual({ former: fails !== undefined, later: fails === undefined, strategy });
    expect(task.error ?? '').not.toContain('not undone');
  });

  it('locks nobody out at any moment', async () => {
    watching = false;
    await watch;
    expect(lockedOut).toEqual([]);
  });
});
