import { ApplicationFailure, continueAsNew } from '@temporalio/workflow';
import { applyRoles } from './apply-roles.ts';
import { awaitApproval } from './await-approval.ts';
import { dropRole } from './drop-role.ts';

/** What is done when a change has its approval: the same as without one, on the plan that was approved. */
const PERFORM = { apply_roles: applyRoles, drop_role: dropRole } as const;

/** A change that a policy wants others to approve: waits for them, and carries it out. What is not approved is closed by whoever decides so. */
export async function heldChange(input: { taskId: string }): Promise<{ outcome: 'completed' | 'not_approved' }> {
  const decided = await awaitApproval(input);
  if (decided.state === 'again') return continueAsNew<typeof heldChange>(input);
  if (decided.state === 'over') return { outcome: 'not_approved' };
  const { type } = decided;
  if (type === 'apply_roles' || type === 'drop_role') return PERFORM[type](input);
  throw ApplicationFailure.nonRetryable(`a task of type ${type} has a run of its own, which waits for approval itself`);
}
