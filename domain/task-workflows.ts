/** Which workflow performs a task of each type, and how its run is named: `<kind>/<database>/<task>`. */
export const TASK_WORKFLOWS = {
  create: { workflowType: 'provisionDatabase', kind: 'provision-database' },
  delete: { workflowType: 'deleteDatabase', kind: 'delete-database' },
} as const;

/** Run that undoes a task whose own run is gone. */
export const CLEANUP_WORKFLOW = 'cleanupTask';
export const cleanupWorkflowId = (taskId: string): string => `cleanup/${taskId}`;
