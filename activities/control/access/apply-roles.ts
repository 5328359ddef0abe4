import type { TargetServer } from '../../../platform/target/target-server.ts';
import { endAppliedStep } from '../../../store/applied-step.ts';
import type { ServerWork } from '../../../store/server-work.ts';
import { findServer } from '../../../store/servers.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { type PreparedStepContext, performPreparedServerStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { type AppliedLog, createAppliedLog } from './applied-log.ts';
import { type ApplicationResult, applyDocument, connectionsFor } from './apply-document.ts';
import { roleNotes } from './note-roles.ts';
import { type AccessRequest, openRequest } from './request.ts';

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
      const { entered, assertHolds } = context;
      const connections = connectionsFor(request.document);
      const log = createAppliedLog(deps.db, taskId);
      const session = context.session(`applying roles on server ${serverName}`);
      return server.reserve(session, connections, async (lease) => {
        const application = { ...request, serverName, lease, connections, planHash: work.planHash, plainText };
        let result: ApplicationResult;
        try {
          result = await applyDocument(deps, { ...application, entered, assertHolds, applied: log.note });
        } catch (error) {
          // What failed says more than a log that cannot be written.
          await log
            .rest()
            .then((entries) => appendLog(deps.db, { taskId, entries }))
            .catch(() => undefined);
          throw error;
        }
        return noteResult(deps, context, { result, log });
      });
    },
  );
}

interface Prepared {
  work: ServerWork;
  request: AccessRequest;
  server: TargetServer;
  plainText: boolean;
}

async function prepare(deps: ControlDeps, work: ServerWork): Promise<Prepared> {
  const { serverName } = work;
  const [request, server] = await Promise.all([openRequest(deps, work), deps.targets.get(serverName)]);
  const record = request.passwords.size === 0 ? undefined : await findServer(deps.db, serverName);
  return { work, request, server, plainText: record?.settings.allowPlainTextPasswords ?? false };
}

async function noteResult(
  deps: ControlDeps,
  { work: { work, plainText, request }, endWith }: PreparedStepContext<Prepared>,
  { result, log }: { result: ApplicationResult; log: AppliedLog },
): Promise<{ loginsToProve: boolean }> {
  const { serverName } = work;
  const { roles, passwordsCompared } = result;
  const passwordsSet = roles.filter(({ passwordSet }) => passwordSet !== undefined).map(({ name }) => name);
  const inPlainText = roles
    .filter(({ passwordSet }) => plainText && passwordSet?.kind === 'password')
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
  const lines = await log.rest();
  // Passwords that were brought back are the versions that are on record.
  const toNote = request.repairs ? roles.map((role) => ({ ...role, passwordSet: undefined })) : roles;
  const applied = { serverName, result: noted, log: lines, roles: roleNotes(deps.sealer, serverName, toNote) };
  await endWith((key, end) => endAppliedStep(deps.db, key, end, applied));
  const compared = passwordsCompared && work.options.proveLogin !== true;
  return { loginsToProve: passwordsSet.length > 0 && !compared };
}
