import { type ChangeKind, isOneOf, type NamedPolicy, namePeople, strictestOf } from '../../domain/approvals/policy.ts';
import { policiesFor } from '../../store/approval-policies.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';

/** A change that somebody asks for. */
export interface AskedChange {
  serverName: string;
  kind: ChangeKind;
  /** Roles that it names. */
  roles: readonly string[];
  /** Why; that of the header unless given. */
  reason?: string | undefined;
  /** Why it cannot wait; that of the header unless given. */
  breakGlass?: string | undefined;
}

/** Why a change has to wait. */
export interface Hold {
  policy: NamedPolicy;
  kind: ChangeKind;
  roles: string[];
  reason?: string;
}

/**
 * What every change of a server is asked before it is accepted, whatever family it comes from: the policy that it waits for, or
 * nothing. Whoever breaks the glass goes on at once, and that is on record before anything is done.
 * @throws ApiError 403 where the caller may not break the glass
 */
export async function findHold(
  deps: Pick<ApiDeps, 'db'>,
  caller: Caller,
  asked: AskedChange,
): Promise<Hold | undefined> {
  const { serverName, kind, roles } = asked;
  const { policies, labels, environments } = await policiesFor(deps.db, serverName);
  const policy = strictestOf(policies, { kind, roles, server: { name: serverName, labels, environments } });
  if (policy === undefined) return undefined;
  const { reason = caller.changeReason, breakGlass = caller.breakGlass } = asked;
  if (breakGlass === undefined) {
    return { policy, kind, roles: [...roles], ...(reason === undefined ? {} : { reason }) };
  }
  const { breakGlass: allowed } = policy.rules;
  if (!isOneOf(allowed, caller)) {
    throw new ApiError(
      'forbidden',
      `policy "${policy.name}" lets ${namePeople(allowed)} do this without approval; leave X-Break-Glass and break_glass out to ask for approval`,
    );
  }
  await auditChange(deps.db, caller, {
    action: 'approval.break_glass',
    resource: `server/${serverName}`,
    detail: { policy: policy.name, kind, roles: [...roles], why: breakGlass },
  });
  return undefined;
}

/**
 * The same for a family whose requests cannot wait: its clients know no answer but that it is done.
 * @throws ApiError 409 with the policy, and what to do
 */
export async function refuseHeld(deps: Pick<ApiDeps, 'db'>, caller: Caller, asked: AskedChange): Promise<void> {
  const hold = await findHold(deps, caller, asked);
  if (hold === undefined) return;
  throw new ApiError(
    'approval_required',
    `${waitsFor(hold)}, and a request to this API cannot wait for it: ask for the change under /v1/servers/${asked.serverName}/…, which does`,
  );
}

/** What a change would have to wait for, for a message that says why it cannot. */
export function waitsFor({ policy: { name, rules } }: Hold): string {
  const others = rules.approvers === 1 ? 'one other account' : `${rules.approvers} other accounts`;
  return `policy "${name}" asks for the approval of ${others}`;
}
