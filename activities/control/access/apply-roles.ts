import { inTransaction } from '../../../store/connection.ts';
import { noteResults } from '../../../store/server-work.ts';
import { findServer } from '../../../store/servers.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { performServerStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { type AppliedTransaction, applyDocument, connectionsFor } from './apply-document.ts';
import { noteChangedRoles } from './note-roles.ts';
import { openRequest } from './request.ts';

/** Carries out an accepted document. Repeated, it finds done what was done and does the rest. */
export function applyRoles(deps: ControlDeps, input: TaskRef): Promise<{ loginsToProve: boolean }> {
  return performServerStep(deps, { ...input, step: 'applyRoles' }, async (context) => {
    const { work } = context;
    const { serverName, taskId } = work;
    const [request, server, record] = await Promise.all([
      openRequest(deps, work),
      deps.targets.get(serverName),
      findServer(deps.db, serverName),
    ]);
    const connections = connectionsFor(request.document);
    const applied: AppliedTransaction[] = [];
    const result = await server.reserve(
      context.session(`applying roles on server ${serverName}`),
      connections,
      (lease) =>
        applyDocument(deps, {
          ...request,
          serverName,
          lease,
          connections,
          planHash: work.planHash,
          plainText: record?.settings.allowPlainTextPasswords ?? false,
          assertHolds: context.assertHolds,
          applied: async (entry) => {
            applied.push(entry);
            await appendLog(deps.db, { taskId, entries: [describe(entry)] });
          },
        }),
    );
    const passwordsSet = result.roles.filter(({ passwordSet }) => passwordSet !== undefined).map(({ name }) => name);
    const plainText = record?.settings.allowPlainTextPasswords ?? false;
    const inPlainText = result.roles
      .filter(({ passwordSet }) => plainText && passwordSet?.kind === 'password')
      .map(({ name }) => name);
    await inTransaction(deps.db, async (tx) => {
      await noteChangedRoles(deps, tx, {
        serverName,
        changed: result.roles,
      });
      const { hash, notes } = result.plan;
      await noteResults(tx, [
        {
          taskId,
          result: {
            plan_hash: hash,
            applied,
            notes,
            passwords_set: passwordsSet,
            passwords_compared: result.passwordsCompared,
            ...(inPlainText.length === 0 ? {} : { passwords_in_plain_text: inPlainText }),
          },
        },
      ]);
    });
    const compared = result.passwordsCompared && work.options.proveLogin !== true;
    return { loginsToProve: passwordsSet.length > 0 && !compared };
  });
}

function describe({ database, steps, changes }: AppliedTransaction): {
  message: string;
  fields: Record<string, unknown>;
} {
  const where = database === null ? 'server' : `database ${database}`;
  return {
    message: `applied and verified on ${where}: ${changes} changes`,
    fields: { ...(database === null ? {} : { database }), steps: steps.slice(0, MAX_LOGGED_STEPS), changes },
  };
}

/** A log line stays readable; the plan has all of them. */
const MAX_LOGGED_STEPS = 50;
