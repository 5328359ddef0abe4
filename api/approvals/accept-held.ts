import type { z } from '@hono/zod-openapi';
import { withoutSecrets } from '../../domain/access/document/parse.ts';
import type { AccessOptions } from '../../domain/access/request-options.ts';
import type { ChangeKind } from '../../domain/approvals/policy.ts';
import { rolesNamed } from '../../domain/approvals/roles-named.ts';
import { formatProblems } from '../../domain/spec/problems.ts';
import { type ApprovalRecord, findApproval } from '../../store/approvals.ts';
import type { Caller } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { acceptServerTask, type RequestIdentity } from '../roles/accept-server-task.ts';
import { type CarriedOut, changeNow, type SingleChange } from '../roles/change.ts';
import { type ParsedDocument, parseSubmitted } from '../roles/check.ts';
import { planNow } from '../roles/look.ts';
import { renderPlan } from '../roles/render-plan.ts';
import { resultOf } from '../roles/wait.ts';
import type { heldSchema } from '../schemas/approval.ts';
import { findHold, type Hold } from './hold.ts';
import { renderApproval } from './render.ts';

/** A single change, and the kind that policies know it by. */
export type HoldableChange = SingleChange & {
  kind: ChangeKind;
  /** Log in as the role when its password was set late. */
  proveLogin?: boolean;
};

/** What became of a change that may have to wait. */
export type ChangeOutcome =
  | { state: 'done'; done: CarriedOut }
  | { state: 'held'; taskId: string; fresh: boolean; approval: ApprovalRecord };

/**
 * Carries out a single change, or puts it on record with its plan where a policy wants others to approve it. What changes nothing
 * needs no approval: should it change something when its turn comes, it is refused.
 */
export async function changeOrHold(
  deps: ServerApiDeps,
  caller: Caller,
  change: HoldableChange,
): Promise<ChangeOutcome> {
  const { serverName, kind, document, prefix } = change;
  const parsed = parseSubmitted(document, prefix);
  const hold = await findHold(deps, caller, { serverName, kind, roles: rolesNamed(parsed.document) });
  if (hold === undefined) return { state: 'done', done: await changeNow(deps, caller, change) };
  const { taskId, fresh, approval } = await acceptPlanned(deps, caller, {
    ...change,
    ...{ hold, parsed },
    options: { ...change.options, ...(change.proveLogin === true && { proveLogin: true }) },
    detail: { document: withoutSecrets(document), operation: 'server.change_role' },
  });
  if (approval !== undefined) return { state: 'held', taskId, fresh, approval };
  return { state: 'done', done: { taskId, fresh, result: await resultOf(deps, taskId) } };
}

/** Accepts a document with its plan, to be carried out as it is or not at all, and where it changes something when it is approved. */
export async function acceptPlanned(
  deps: ServerApiDeps,
  caller: Caller,
  change: RequestIdentity & {
    serverName: string;
    document: unknown;
    parsed: ParsedDocument;
    hold: Hold;
    options?: AccessOptions;
    detail?: Record<string, unknown>;
    /** Of the plan that the caller saw. */
    planHash?: string | undefined;
  },
): Promise<{ taskId: string; fresh: boolean; approval: ApprovalRecord | undefined }> {
  const { serverName, parsed, hold, route, content, options, detail } = change;
  const plan = await planNow(deps, { serverName, caller }, { ...parsed, impact: 'all' });
  if (plan.refusals.length > 0) throw new ApiError('forbidden', formatProblems(plan.refusals));
  if (change.planHash !== undefined && change.planHash !== plan.hash) {
    throw new ApiError(
      'plan_changed',
      `the plan has changed: it was ${change.planHash} and is now ${plan.hash}; ask for the plan again, and apply that`,
    );
  }
  const { taskId, fresh } = await acceptServerTask(deps, caller, {
    ...{ serverName, route, content, type: 'apply_roles', planHash: plan.hash },
    document: withoutSecrets(change.document),
    passwords: parsed.passwords,
    ...(plan.steps.length === 0 ? {} : { held: { ...hold, plan: renderPlan(plan) } }),
    ...(options === undefined ? {} : { options }),
    ...(detail === undefined ? {} : { detail }),
  });
  // Asked for even where nothing waits: the request may be one that was accepted before, under the same key.
  return { taskId, fresh, approval: await findApproval(deps.db, taskId) };
}

/** The answer to a change that waits, with where to look for what becomes of it. */
export function heldAnswer(of: { taskId: string; approval: ApprovalRecord }): {
  body: z.infer<typeof heldSchema>;
  headers: { Location: string };
} {
  return {
    body: { task_id: of.taskId, approval: renderApproval(of.approval) },
    headers: locationOf(of.approval),
  };
}

export function locationOf({ taskId }: Pick<ApprovalRecord, 'taskId'>): { Location: string } {
  return { Location: `/v1/approvals/${taskId}` };
}
