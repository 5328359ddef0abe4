import { inTransaction } from '../../../store/connection.ts';
import { noteResultAndLog, type ServerWork } from '../../../store/server-work.ts';
import { findServer } from '../../../store/servers.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { performPreparedServerStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { type AppliedLog, createAppliedLog } from './applied-log.ts';
import { type ApplicationResult, applyDocument, connectionsFor } from './apply-document.ts';
import { noteChangedRoles } from './note-roles.ts';
import { openRequest } from './request.ts';

/** Carries out an accepted document. Repeated, it finds done what was done and does the rest. */
export function applyRoles(deps: ControlDeps, input: TaskRef): Promise<{ loginsToProve: boolean }> {
  const step = { ...input, step: 'applyRoles' as const };
  return performPreparedServerStep(
    deps,
    step,
    (work) => prepare(deps, work),
    async (context) => {
      const { work, request, server, plainText } = context.work;
      const { serverName, taskId } = work;
      const connections = connectionsFor(request.document);
      const log = createAppliedLog(deps.db, taskId);
      const session = context.session(`applying roles on server ${serverName}`);
      return server.reserve(session, connections, async (lease) => {
        const application = { ...request, serverName, lease, connections, planHash: work.planHash, plainText };
        let result: ApplicationResult;
        try {
          result = await applyDocument(deps, { ...application, assertHolds: context.assertHolds, applied: log.note });
        } catch (error) {
          // What failed says more than a log that cannot be written.
          await log
            .rest()
            .then((entries) => appendLog(deps.db, { taskId, entries }))
            .catch(() => undefined);
          throw error;
        }
        return noteResult(deps, { work, result, log, plainText });
      });
    },
  );
}

async function prepare(deps: ControlDeps, work: ServerWork) {
  const { serverName } = work;
  const [request, server, record] = await Promise.all([
    openRequest(deps, work),
    deps.targets.get(serverName),
    findServer(deps.db, serverName),
  ]);
  return { work, request, server, plainText: record?.settings.allowPlainTextPasswords ?? false };
}

async function noteResult(
  deps: ControlDeps,
  input: {
    work: ServerWork;
    result: ApplicationResult;
    log: AppliedLog;
    plainText: boolean;
  },
): Promise<{ loginsToProve: boolean }> {
  const { work, result, log } = input;
  const { serverName, taskId } = work;
  const { roles, passwordsCompared } = result;
  const passwordsSet = roles.filter(({ passwordSet }) => passwordSet !== undefined).map(({ name }) => name);
  const inPlainText = roles
    .filter(({ passwordSet }) => input.plainText && passwordSet?.kind === 'password')
    .map(({ name }) => name);
  const { hash, notes } = result.plan;
  const noted = {
    plan_hash: hash,
    applied: log.applied,
    notes,
    passwords_set: passwordsSet,
    passwords_compared: passwordsCompared,
    ...(inPlainText.length === 0 ? {} : { passwords_in_plain_text: inPlainText }),
  };
  const outcome = { taskId, result: noted, log: await log.rest() };
  if (roles.length === 0) await noteResultAndLog(deps.db, outcome);
  else {
    await inTransaction(deps.db, async (tx) => {
      await noteChangedRoles(deps, tx, { serverName, changed: roles });
      await noteResultAndLog(tx, outcome);
    });
  }
  const compared = passwordsCompared && work.options.proveLogin !== true;
  return { loginsToProve: passwordsSet.length > 0 && !compared };
}
