import { applyRoles } from './access/apply-roles.ts';
import { performBatch } from './access/batch/perform-batch.ts';
import { proveLogins } from './access/prove-logins.ts';
import { lookAtApproval } from './approvals/look-at-approval.ts';
import { createDatabase } from './databases/create-database.ts';
import { removeDatabase, undoCreateDatabase } from './databases/drop-database.ts';
import { grantAccess, undoGrantAccess } from './databases/grant-access.ts';
import type { ControlDeps } from './deps.ts';
import { checkDrift, listDriftDue } from './drift/check.ts';
import { lookForDrift } from './drift/look.ts';
import { dropRole } from './drop-role/drop-role.ts';
import { endSessionsOfRole, lockOutRole } from './drop-role/lock-out-role.ts';
import { previewDrop } from './drop-role/preview-drop.ts';
import { proveDropped } from './drop-role/prove-dropped.ts';
import { reassignOwned } from './drop-role/reassign-owned.ts';
import { reportLockedOut } from './drop-role/report-locked-out.ts';
import { revokeFromRole } from './drop-role/revoke-from-role.ts';
import { fenceFormer, leaveFormer } from './failover/former-primary.ts';
import { lookAtPrimaries } from './failover/look-at-primaries.ts';
import { noteHostTold } from './failover/note-told.ts';
import { awaitReplay, awaitStandby } from './failover/switchover/await-standby.ts';
import { checkSwitchover } from './failover/switchover/check.ts';
import { finishSwitchover } from './failover/switchover/finish.ts';
import { loadSwitchover } from './failover/switchover/load.ts';
import { noteSwitchoverUndone, planSwitchoverUndo } from './failover/switchover/undo.ts';
import { acceptJoin, checkClaim, confirmJoin, listHostIds, recordLeave } from './hosts/join.ts';
import { lookAtJwtRotation } from './jwt-rotation/look.ts';
import { endDueLeases } from './leases/end-leases.ts';
import { giveUpNotification, listPendingNotifications } from './notifications/bookkeeping.ts';
import { collectNotifications } from './notifications/collect.ts';
import { sendNotification } from './notifications/send.ts';
import { removeExpired } from './retention/remove-expired.ts';
import { createRoles } from './roles/create-roles.ts';
import { removeRoles } from './roles/remove-roles.ts';
import { undoCreateRoles } from './roles/undo-create-roles.ts';
import { acceptRotation } from './rotations/accept.ts';
import { callWebhooks, undoCallWebhooks } from './rotations/call-webhooks.ts';
import { finishRotation } from './rotations/finish-rotation.ts';
import { loadRotation } from './rotations/load-rotation.ts';
import { prepareLogin, undoPrepareLogin } from './rotations/prepare-login.ts';
import { proveRotation } from './rotations/prove-rotation.ts';
import { publishRotation } from './rotations/publish-rotation.ts';
import { endFormerSessions, retireLogin } from './rotations/retire-login.ts';
import { sealRotation } from './rotations/seal-rotation.ts';
import { setRolePassword, undoSetRolePassword } from './rotations/set-role-password.ts';
import { undoUpdateConsumers, updateConsumers } from './rotations/update-consumers.ts';
import { recordHostChecks } from './services/record-host-checks.ts';
import { sealServices } from './services/seal-services.ts';
import { runPostDatabaseCreate } from './spec-scripts/post-database-create.ts';
import { runPostInit, undoPostInit } from './spec-scripts/post-init.ts';
import { beginCleanup } from './tasks/begin-cleanup.ts';
import { beginServerTask, beginTask } from './tasks/begin-task.ts';
import { endPredecessors } from './tasks/end-predecessors.ts';
import { failTask } from './tasks/fail-task.ts';
import { finishDelete } from './tasks/finish-delete.ts';
import { finishServerTask } from './tasks/finish-server-task.ts';
import { publishDatabase } from './tasks/publish-database.ts';
import { reconcileTasks } from './tasks/reconcile.ts';
import { recordTombstone } from './tasks/tombstone.ts';
import type { ControlActivities } from './types.ts';
import { endKilledSessions } from './update/end-killed-sessions.ts';
import { finishUpdate } from './update/finish-update.ts';
import { publishUpdate } from './update/publish-update.ts';
import { removeAccess } from './update/remove-access.ts';
import { undoUpdateAccess, updateAccess } from './update/update-access.ts';
import { undoUpdatePasswords, updatePasswords } from './update/update-passwords.ts';
import { undoUpdateRoles, updateRoles } from './update/update-roles.ts';

/** The activities of a control worker, bound to what they act through. */
export function createControlActivities(deps: ControlDeps): ControlActivities {
  return {
    beginTask: (input) => beginTask(deps, input),
    beginServerTask: (input) => beginServerTask(deps, input),
    applyRoles: (input) => applyRoles(deps, input),
    proveLogins: (input) => proveLogins(deps, input),
    previewDrop: (input) => previewDrop(deps, input),
    lockOutRole: (input) => lockOutRole(deps, input),
    endSessionsOfRole: (input) => endSessionsOfRole(deps, input),
    revokeFromRole: (input) => revokeFromRole(deps, input),
    reassignOwned: (input) => reassignOwned(deps, input),
    dropRole: (input) => dropRole(deps, input),
    proveDropped: (input) => proveDropped(deps, input),
    reportLockedOut: (input) => reportLockedOut(deps, input),
    checkDrift: (input) => checkDrift(deps, input),
    listDriftDue: () => listDriftDue(deps),
    lookForDrift: ({ serverName }) => lookForDrift(deps, { serverName, whole: false }),
    lookAtJwtRotation: (input) => lookAtJwtRotation(deps, input),
    lookAtApproval: (input) => lookAtApproval(deps, input),
    finishServerTask: (input) => finishServerTask(deps, input),
    acceptRotation: (input) => acceptRotation(deps, input),
    loadRotation: (input) => loadRotation(deps, input),
    sealRotation: (input) => sealRotation(deps, input),
    prepareLogin: (input) => prepareLogin(deps, input),
    undoPrepareLogin: (input) => undoPrepareLogin(deps, input),
    setRolePassword: (input) => setRolePassword(deps, input),
    undoSetRolePassword: (input) => undoSetRolePassword(deps, input),
    proveRotation: (input) => proveRotation(deps, input),
    updateConsumers: (input) => updateConsumers(deps, input),
    undoUpdateConsumers: (input) => undoUpdateConsumers(deps, input),
    callWebhooks: (input) => callWebhooks(deps, input),
    undoCallWebhooks: (input) => undoCallWebhooks(deps, input),
    publishRotation: (input) => publishRotation(deps, input),
    retireLogin: (input) => retireLogin(deps, input),
    endFormerSessions: (input) => endFormerSessions(deps, input),
    finishRotation: (input) => finishRotation(deps, input),
    performBatch: (input) => performBatch(deps, input),
    runPostInit: (input) => runPostInit(deps, input),
    createRoles: (input) => createRoles(deps, input),
    createDatabase: (input) => createDatabase(deps, input),
    runPostDatabaseCreate: (input) => runPostDatabaseCreate(deps, input),
    grantAccess: (input) => grantAccess(deps, input),
    updateRoles: (input) => updateRoles(deps, input),
    updateAccess: (input) => updateAccess(deps, input),
    updatePasswords: (input) => updatePasswords(deps, input),
    publishUpdate: (input) => publishUpdate(deps, input),
    endKilledSessions: (input) => endKilledSessions(deps, input),
    removeAccess: (input) => removeAccess(deps, input),
    finishUpdate: (input) => finishUpdate(deps, input),
    undoUpdateRoles: (input) => undoUpdateRoles(deps, input),
    undoUpdateAccess: (input) => undoUpdateAccess(deps, input),
    undoUpdatePasswords: (input) => undoUpdatePasswords(deps, input),
    sealServices: (input) => sealServices(deps, input),
    publishDatabase: (input) => publishDatabase(deps, input),
    undoPostInit: (input) => undoPostInit(deps, input),
    undoCreateRoles: (input) => undoCreateRoles(deps, input),
    undoCreateDatabase: (input) => undoCreateDatabase(deps, input),
    undoGrantAccess: (input) => undoGrantAccess(deps, input),
    recordTombstone: (input) => recordTombstone(deps, input),
    failTask: (input) => failTask(deps, input),
    endPredecessors: (input) => endPredecessors(deps, input),
    removeDatabase: (input) => removeDatabase(deps, input),
    removeRoles: (input) => removeRoles(deps, input),
    finishDelete: (input) => finishDelete(deps, input),
    beginCleanup: (input) => beginCleanup(deps, input),
    loadSwitchover: (input) => loadSwitchover(deps, input),
    checkSwitchover: (input) => checkSwitchover(deps, input),
    awaitReplay: (input) => awaitReplay(deps, input),
    awaitStandby: (input) => awaitStandby(deps, input),
    finishSwitchover: (input) => finishSwitchover(deps, input),
    planSwitchoverUndo: (input) => planSwitchoverUndo(deps, input),
    noteSwitchoverUndone: (input) => noteSwitchoverUndone(deps, input),
    lookAtPrimaries: () => lookAtPrimaries(deps),
    leaveFormer: (input) => leaveFormer(deps, input),
    fenceFormer: (input) => fenceFormer(deps, input),
    noteHostTold: (input) => noteHostTold(deps, input),
    collectNotifications: () => collectNotifications(deps),
    listPendingNotifications: (input) => listPendingNotifications(deps, input),
    sendNotification: (input) => sendNotification(deps, input),
    giveUpNotification: (input) => giveUpNotification(deps, input),
    endDueLeases: (input) => endDueLeases(deps, input),
    reconcileTasks: (input) => reconcileTasks(deps, input),
    checkClaim: (input) => checkClaim(deps, input),
    acceptJoin: (input) => acceptJoin(deps, input),
    confirmJoin: (input) => confirmJoin(deps, input),
    recordLeave: (input) => recordLeave(deps, input),
    listHostIds: () => listHostIds(deps),
    removeExpired: (input) => removeExpired(deps, input),
    sealAudit: () => deps.auditSealer.seal(),
    recordHostChecks: (input) => recordHostChecks(deps, input),
  };
}
