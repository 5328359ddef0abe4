export { cleanupTask } from './cleanup-task.ts';
export { deleteDatabase } from './delete-database.ts';
export { checkHosts, confirmJoin, greetHost, joinHost, leaveHost, probeHostPorts } from './hosts.ts';
export { provisionDatabase } from './provision-database.ts';
export { reconcile } from './reconcile.ts';
