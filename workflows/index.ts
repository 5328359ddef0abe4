export { cleanupTask } from './cleanup-task.ts';
export { deleteDatabase } from './delete-database.ts';
export { checkHosts, confirmTombstones, greetHost, joinHost, leaveHost, probeHostPorts } from './hosts.ts';
export { provisionDatabase } from './provision-database.ts';
export { reconcile } from './reconcile.ts';
