import type { LeaseTemplate } from '../../store/lease-templates.ts';
import type { LeaseRecord } from '../../store/leases.ts';
import { mayUse, namesInScope } from '../access/may-use.ts';
import type { Caller } from '../caller.ts';
import { ApiError } from '../errors.ts';

/** Who has only what was given to them: everybody else sees what is on the servers of their scope. */
const isMember = (caller: Caller): boolean => caller.role === 'member';

/** Whether a caller sees a lease (R6). */
export function seesLease(caller: Caller, lease: LeaseRecord): boolean {
  return mayUse(caller, 'servers', lease.serverName) && (!isMember(caller) || lease.holder === caller.account);
}

/** The part of a list that a caller sees. */
export function visibleLeases(caller: Caller): { holder?: string; serverNames: readonly string[] | undefined } {
  return { ...(isMember(caller) && { holder: caller.account }), serverNames: namesInScope(caller, 'servers') };
}

/** Whether a caller sees a template: members those that they may use. */
export function seesTemplate(caller: Caller, template: LeaseTemplate): boolean {
  const inScope = template.serverName === null || mayUse(caller, 'servers', template.serverName);
  if (!inScope || !isMember(caller)) return inScope;
  return template.accounts.includes('*') || template.accounts.includes(caller.account);
}

export function noSuchLease(): ApiError {
  return new ApiError('not_found', 'no lease found with the given ID');
}

export function noSuchTemplate(): ApiError {
  return new ApiError('not_found', 'no lease template found with the given name or ID');
}
