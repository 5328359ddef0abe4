export { applyRoles } from './apply-roles.ts';
export { changeRoles } from './change-roles.ts';
export { cleanupTask } from './cleanup-task.ts';
export { deleteDatabase } from './delete-database.ts';
export { dropRole } from './drop-role.ts';
export { checkHosts, confirmJoin, greetHost, joinHost, leaveHost, probeHostPorts } from './hosts.ts';
export { provisionDatabase } from './provision-database.ts';
export { reconcile } from './reconcile.ts';
export { watchPrimaries } from './watch-primaries.ts';
