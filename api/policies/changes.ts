import type { z } from '@hono/zod-openapi';
import { deletePolicy, putPolicy } from '../../store/policies.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { policySchema, type putPolicySchema, storedPolicyOf } from '../schemas/policy.ts';
import { renderPolicy } from './render.ts';

type Policy = z.infer<typeof policySchema>;

/** Sets what an environment allows, or every environment without a policy of its own. */
export function acceptPolicy(
  deps: ApiDeps,
  caller: Caller,
  env: string,
  body: z.infer<typeof putPolicySchema>,
): Promise<Policy> {
  const route = 'PUT /v1/policies/{env}';
  const change = changeRequest(deps, { caller, route, content: { env, body }, answer: policySchema });
  return change.atOnce(async (tx) => {
    const { before, after } = await putPolicy(tx, { env, stored: storedPolicyOf(body) });
    await auditChange(tx, caller, {
      action: 'policy.put',
      resource: `policy/${env}`,
      detail: { ...(before === undefined ? {} : { before }), after: after.stored },
    });
    return renderPolicy(env, after);
  });
}

/** Takes back what was set; then that of `*` holds, or the default. @returns what was set */
export function removePolicy(deps: ApiDeps, caller: Caller, env: string): Promise<Policy> {
  const route = 'DELETE /v1/policies/{env}';
  const change = changeRequest(deps, { caller, route, content: { env }, answer: policySchema });
  return change.atOnce(async (tx) => {
    const before = await deletePolicy(tx, env);
    if (before === undefined) throw new ApiError('not_found', `environment ${JSON.stringify(env)} has no policy`);
    await auditChange(tx, caller, {
      action: 'policy.delete',
      resource: `policy/${env}`,
      detail: { before: before.stored },
    });
    return renderPolicy(env, before);
  });
}
