import { PUBLIC } from '../observed.ts';
import { type Held, heldByGrantee } from './acl-list.ts';
import { addMissing } from './add-missing.ts';
import { applyGrant, type ObjectRights, rightsOf } from './object-rights.ts';
import type { ObjectPlan, ObjectTask } from './object-task.ts';
import { removeSurplus } from './remove-surplus.ts';

/**
 * Compares one object's rights with what is asked for. Nobody but the grantees that are to lose something loses anything: what
 * goes along with a revoked grant option, or with the columns of a revoked table privilege, is granted again by the owner.
 */
export function planObject(task: ObjectTask): ObjectPlan {
  const plan: ObjectPlan = {
    ...{ first: [], revokes: [], grants: [], restored: [], keptByPublic: [], unreachable: [] },
    entries: task.object.acl.length,
  };
  if (isAsAsked(task)) return plan;
  const work = rightsOf(task.object);
  if (task.exact.size > 0 || task.revoked.size > 0) removeSurplus(task, work, plan);
  addMissing(task, work, plan);
  notePublic(task, work, plan);
  plan.entries = work.acl.size;
  return plan;
}

const NOBODY: ReadonlyMap<string, Held> = new Map();

/**
 * Whether there is plainly nothing to do: most objects of a document that was applied before have one entry by their owner for
 * each grantee, and none for columns. What is less plain is looked at as a whole.
 */
function isAsAsked({ object, granted, revoked, exact }: ObjectTask): boolean {
  const { owner, acl, columns } = object;
  const wanted = granted.get(undefined) ?? NOBODY;
  if (revoked.size > 0 || (columns?.size ?? 0) > 0 || granted.size > (granted.has(undefined) ? 1 : 0)) return false;
  let missing = wanted.has(owner) ? wanted.size - 1 : wanted.size;
  for (const { grantee, grantor, privileges, grantable } of acl) {
    if (grantee === owner) continue;
    const asked = wanted.get(grantee);
    if (asked === undefined) {
      if (exact.has(grantee)) return false;
      continue;
    }
    if (grantor !== owner || (asked.privileges & ~privileges) !== 0 || (asked.grantable & ~grantable) !== 0)
      return false;
    const surplus = (privileges & ~asked.privileges) | (grantable & ~asked.grantable);
    if (surplus !== 0 && exact.has(grantee)) return false;
    missing -= 1;
  }
  return missing === 0;
}

/** As {@link planObject}, with what is asked for granted first and not after the revokes. */
export function planSchema(task: ObjectTask): ObjectPlan {
  if (isAsAsked(task)) return planObject(task);
  const { grants } = planObject({ ...task, revoked: new Map(), exact: new Set() });
  if (task.exact.size === 0 && task.revoked.size === 0) return { ...planObject(task), first: grants, grants: [] };
  const given = rightsOf(task.object);
  for (const grant of grants) applyGrant(given, grant);
  return { ...planObject({ ...task, object: { ...task.object, acl: [...given.acl.values()] } }), first: grants };
}

/** What PUBLIC has, every grantee has: revoking it from one takes nothing away. */
function notePublic(task: ObjectTask, work: ObjectRights, plan: ObjectPlan): void {
  if (task.revoked.size === 0 && plan.revokes.length === 0) return;
  const taken = new Map<string, number>();
  const add = (grantee: string, mask: number) => taken.set(grantee, (taken.get(grantee) ?? 0) | mask);
  for (const held of task.revoked.values()) for (const [grantee, { privileges }] of held) add(grantee, privileges);
  for (const change of plan.revokes) {
    if (change.type === 'revoke' && !change.grantOptionOnly) add(change.grantee, change.privileges);
  }
  taken.delete(PUBLIC);
  if (taken.size === 0) return;
  const byPublic = heldByGrantee([...work.acl.values()].filter(({ grantee }) => grantee === PUBLIC)).get(PUBLIC);
  if (byPublic === undefined) return;
  for (const [grantee, mask] of taken) {
    const privileges = mask & byPublic.privileges;
    if (privileges !== 0) plan.keptByPublic.push({ grantee, privileges });
  }
}
