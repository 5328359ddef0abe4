import { expect } from 'vitest';
import { remove, taskEnded } from '../../support/follow.ts';
import type { TestStack } from '../../support/stack.ts';
import { remainsOf } from './remains.ts';
import { databaseNameOf, type everyStepRequest, rolesOf } from './request.ts';

type Request = ReturnType<typeof everyStepRequest>;

/** A task that was accepted, and the run that performs it. */
export interface AcceptedTask {
  database_id: string;
  task_id: string;
  workflowId: string;
}

export async function accept(stack: TestStack, request: Request): Promise<AcceptedTask> {
  const { status, body } = await stack.call('POST', '/v1/databases', request);
  if (status !== 200) throw new Error(`create was refused: ${status} ${JSON.stringify(body)}`);
  const { task_id, database_id } = body.task;
  return { database_id, task_id, workflowId: `provision-database/${database_id}/${task_id}` };
}

export async function acceptDelete(stack: TestStack, id: string): Promise<AcceptedTask> {
  const { status, body } = await stack.call('DELETE', `/v1/databases/${id}`);
  if (status !== 200) throw new Error(`delete was refused: ${status} ${JSON.stringify(body)}`);
  const { task_id, database_id } = body.task;
  return { database_id, task_id, workflowId: `delete-database/${database_id}/${task_id}` };
}

/** The record says failed and why, and nothing else is left. */
export async function expectNothingLeft(stack: TestStack, id: string): Promise<void> {
  const { body } = await stack.call('GET', `/v1/databases/${id}`);
  expect(body.state).toBe('failed');
  expect(await remainsOf(stack, id)).toEqual([]);
}

/** Every part exists exactly once, both scripts ran exactly once, and the service gives the script's row. */
export async function expectMadeOnce(stack: TestStack, id: string): Promise<void> {
  const name = databaseNameOf(id);
  const { owner, reader, scripted } = rolesOf(id);
  const { body } = await stack.call('GET', `/v1/databases/${id}`);
  expect(body.state).toBe('available');
  expect(await remainsOf(stack, id)).toEqual([
    ...[owner, reader, scripted].map((role) => `role ${role}`),
    `database ${name}`,
    '2 rows of ports',
    '3 rows of credentials',
    '1 rows of shared_role_users',
    `files of ${id}-api-host-1`,
    expect.stringMatching(/^(process|container) /),
  ]);
  const runs = await stack.target.query(`SELECT FROM public.post_init_runs WHERE database_id = '${id}'`);
  expect(runs).toHaveLength(1);
  const { host_port: port } = body.service_instances[0].status.ports[0];
  const answer = await fetch(`http://127.0.0.1:${port}/items`);
  expect(await answer.json()).toEqual([{ id: 1 }]);
}

/** The failed record is deleted, the same request succeeds, and its delete leaves nothing. */
export async function expectSecondTrySucceeds(stack: TestStack, request: Request): Promise<void> {
  expect(await remove(stack, request.id)).toMatchObject({ status: 'completed' });
  await stack.target.query(`DELETE FROM public.post_init_runs WHERE database_id = '${request.id}'`);
  const task = await accept(stack, request);
  expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
  await expectMadeOnce(stack, request.id);
  expect(await remove(stack, request.id)).toMatchObject({ status: 'completed' });
  expect(await remainsOf(stack, request.id)).toEqual([]);
}
