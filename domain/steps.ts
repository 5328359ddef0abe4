/**
 * The steps of every workflow that changes something outside the metadata database, as one table: what a person reads
 * in the Temporal UI and in the task log, and which activity takes the step back.
 */
export const STEPS = {
  runPostInit: { title: 'run scripts.post_init', undo: 'undoPostInit', on: 'control' },
  createRoles: { title: 'create roles', undo: 'undoCreateRoles', on: 'control' },
  createDatabase: { title: 'create database', undo: 'undoCreateDatabase', on: 'control' },
  // Everything it makes is inside the database, which goes as a whole.
  runPostDatabaseCreate: { title: 'run scripts.post_database_create', undo: null, on: 'control' },
  grantAccess: { title: 'check schemas and roles, grant rights', undo: 'undoGrantAccess', on: 'control' },
  updateRoles: { title: 'make and change roles', undo: 'undoUpdateRoles', on: 'control' },
  updateAccess: { title: 'check schemas and roles, change rights', undo: 'undoUpdateAccess', on: 'control' },
  // The idle one of two logins: the other one logs in all the time, so it is closed again after the services have left it.
  prepareLogin: { title: 'prepare the idle login', undo: 'undoPrepareLogin', on: 'control' },
  sealServices: { title: 'render and seal service configuration', undo: null, on: 'control' },
  startService: { title: 'start service', undo: 'undoStartService', on: 'host' },
  awaitService: { title: 'wait until the service answers', undo: null, on: 'host' },
  sealRotation: { title: 'render and seal service configuration', undo: null, on: 'control' },
  stageService: { title: 'stage the new password', undo: 'undoChangeService', on: 'host' },
  changeService: { title: 'change service', undo: 'undoChangeService', on: 'host' },
  // Taken back before the services are: PostgREST ends for good when it starts with a password that the server refuses.
  updatePasswords: { title: 'set passwords', undo: 'undoUpdatePasswords', on: 'control' },
  updateConsumers: { title: 'update consumers', undo: 'undoUpdateConsumers', on: 'control' },
  callWebhooks: { title: 'call webhooks', undo: 'undoCallWebhooks', on: 'control' },
  setRolePassword: { title: 'set the password', undo: 'undoSetRolePassword', on: 'control' },
  proveRotation: { title: 'prove the login on primary and standbys', undo: null, on: 'control' },
  retireLogin: { title: 'retire the former login', undo: null, on: 'control' },
  endFormerSessions: { title: 'end sessions of the former password', undo: null, on: 'control' },
  // After the point of no return an update only goes forward.
  endKilledSessions: { title: 'end sessions of a killed service', undo: null, on: 'control' },
  settleService: { title: 'remove what the service was before', undo: null, on: 'host' },
  removeAccess: { title: 'revoke what is no longer needed', undo: null, on: 'control' },
  endPredecessors: { title: 'end the task under way', undo: null, on: 'control' },
  removeService: { title: 'remove service', undo: null, on: 'host' },
  removeDatabase: { title: 'drop database', undo: null, on: 'control' },
  removeRoles: { title: 'drop roles', undo: null, on: 'control' },
  // The primary that was stopped runs again, unless the standby has been promoted: then it follows.
  checkSwitchover: { title: 'check primary and standby', undo: null, on: 'control' },
  stopPrimary: { title: 'stop the primary', undo: 'undoStopPrimary', on: 'host' },
  awaitReplay: { title: 'wait until the standby has everything', undo: null, on: 'control' },
  promoteStandby: { title: 'promote the standby', undo: null, on: 'host' },
  startStandby: { title: 'start the former primary as a standby', undo: null, on: 'host' },
  awaitStandby: { title: 'wait until the former primary follows', undo: null, on: 'control' },
  // One transaction per database; what is applied stays, and a second run converges.
  applyRoles: { title: 'lock, inspect, apply, verify', undo: null, on: 'control' },
  proveLogins: { title: 'prove logins', undo: null, on: 'control' },
  // What is revoked stays revoked; once the role is locked out, an unfinished drop says what is left.
  previewDrop: { title: 'check that the role can be dropped', undo: null, on: 'control' },
  lockOutRole: { title: 'lock out role', undo: 'reportLockedOut', on: 'control' },
  endSessionsOfRole: { title: 'end sessions of the role', undo: null, on: 'control' },
  revokeFromRole: { title: 'end memberships', undo: null, on: 'control' },
  reassignOwned: { title: 'hand on what it owns, end its rights', undo: null, on: 'control' },
  dropRole: { title: 'drop role', undo: null, on: 'control' },
  proveDropped: { title: 'prove that the role is gone', undo: null, on: 'control' },
  // It records what it finds; what it repairs is a task of its own.
  checkDrift: { title: 'look for drift', undo: null, on: 'control' },
} as const satisfies Record<string, { title: string; undo: string | null; on: 'control' | 'host' }>;

export type StepName = keyof typeof STEPS;

/** Names of the undo activities that run on a control worker. */
export type ControlUndoName = {
  [S in StepName]: (typeof STEPS)[S] extends { on: 'control'; undo: infer U extends string } ? U : never;
}[StepName];

/** True for a step name read back from the journal. */
export function isStepName(value: string): value is StepName {
  return Object.hasOwn(STEPS, value);
}
