import { expect } from 'vitest';
import { makePerson, type Person } from '../../support/accounts.ts';
import { until } from '../../support/follow.ts';
import type { ApiCalls, TestStack } from '../../support/stack.ts';

/** Somebody with an account, who calls. */
export type Somebody = Person & ApiCalls;

export async function somebody(stack: TestStack, input: Parameters<typeof makePerson>[1]): Promise<Somebody> {
  const person = await makePerson(stack, input);
  return { ...person, ...stack.as(person.credentials) };
}

/** Adds a policy and gives its id. */
export async function addPolicy(stack: TestStack, policy: Record<string, unknown>): Promise<string> {
  const { status, body } = await stack.call('POST', '/v1/approval-policies', policy);
  expect({ status, body }).toMatchObject({ status: 201 });
  return body.id;
}

/** Approves, or rejects, what waits, having looked at it. */
export async function decide(
  by: ApiCalls,
  id: string,
  verdict: 'approve' | 'reject' = 'approve',
  more: Record<string, unknown> = {},
) {
  const { body: shown } = await by.call('GET', `/v1/approvals/${id}`);
  return by.call('POST', `/v1/approvals/${id}/${verdict}`, { plan_hash: shown.plan_hash, ...more });
}

/** Waits until an approval has come to an end, and gives it with its task. */
export function ended(stack: TestStack, id: string) {
  return until(async () => {
    const { body } = await stack.call('GET', `/v1/approvals/${id}`);
    return ['pending', 'approved'].includes(body.state) ? undefined : body;
  });
}

/** Whether the server has a role. */
export async function hasRole(stack: TestStack, name: string): Promise<boolean> {
  const rows = await stack.target.query(`SELECT FROM pg_roles WHERE rolname = '${name}'`);
  return rows.length > 0;
}
