/** Which workflow performs a task of each type, and how its run is named: `<kind>/<database, server or rotation>/<task or batch>`. */
export const TASK_WORKFLOWS = {
  create: { workflowType: 'provisionDatabase', kind: 'provision-database' },
  update: { workflowType: 'updateDatabase', kind: 'update-database' },
  delete: { workflowType: 'deleteDatabase', kind: 'delete-database' },
  switchover: { workflowType: 'switchover', kind: 'switchover' },
  apply_roles: { workflowType: 'applyRoles', kind: 'apply-roles' },
  /** Performed in batches: the run is the batch's. */
  change_role: { workflowType: 'changeRoles', kind: 'change-roles' },
  rotate_password: { workflowType: 'rotatePassword', kind: 'rotate-password' },
  drop_role: { workflowType: 'dropRole', kind: 'drop-role' },
  check_drift: { workflowType: 'checkDrift', kind: 'check-drift' },
} as const;

/** Run of a task that waits for approval, and of what it does when it has it. */
export const HELD_WORKFLOW = { workflowType: 'heldChange', kind: 'held-change' } as const;
/** Update by which such a run is told that something was decided. */
export const LOOK_AGAIN = 'lookAgain';

/** Run that undoes a task whose own run is gone. */
export const CLEANUP_WORKFLOW = 'cleanupTask';
export const cleanupWorkflowId = (taskId: string): string => `cleanup/${taskId}`;
