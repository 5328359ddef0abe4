import { randomBytes } from 'node:crypto';
import type { z } from '@hono/zod-openapi';
import type { AccessOptions } from '../../domain/access/request-options.ts';
import type { RoleCondition } from '../../domain/access/role-condition.ts';
import { rolesNamed } from '../../domain/approvals/roles-named.ts';
import type { Place } from '../../store/registry.ts';
import { refuseHeld } from '../approvals/hold.ts';
import type { Caller } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { type CarriedOut, changeNow, type DocumentChange } from '../roles/change.ts';
import { parseSubmitted } from '../roles/check.ts';
import { passwordAfter } from '../roles/reveal.ts';
import type { userAnswerSchema } from '../schemas/users.ts';
import { createHandover, type HandoverWish, linkOfTask } from './handover.ts';
import { shownPlace } from './place.ts';

export type UserAnswer = z.infer<typeof userAnswerSchema>;

/** A change of one user: what is done on the server, and what is answered when it is done. */
export interface Operation {
  change: DocumentChange;
  answer(done: CarriedOut): Promise<UserAnswer>;
}

/** As the published API makes them (`secrets.token_urlsafe(16)`). */
export const newPassword = (): string => randomBytes(16).toString('base64url');

/**
 * A request that nobody can take up again is given up when the server does not answer: a user who was asked for in vain must not
 * appear later, with a password that nobody knows.
 */
const PATIENCE_MS = 5_000;

/**
 * Options of every change of a user by this caller. Who may change whom is decided by the condition and the policy, not by the
 * rules for operators of servers: a published caller makes administrators, too, where the policy lets it.
 */
export function usualOptions(caller: Caller): Pick<AccessOptions, 'withoutAdminRole' | 'patienceMs'> {
  return { withoutAdminRole: false, ...patienceOf(caller) };
}

export function patienceOf(caller: Caller): Pick<AccessOptions, 'patienceMs'> {
  return caller.idempotencyKey === undefined ? { patienceMs: PATIENCE_MS } : {};
}

/** What the audit log has of a change of a user. */
export function auditOf(
  operation: string,
  of: { env: string; database: string; username: string },
  more: Record<string, unknown> = {},
): { options: Pick<AccessOptions, 'audit'>; detail: Record<string, unknown> } {
  const { env, database, username } = of;
  return {
    options: { audit: { action: `user.${operation}`, resource: `user/${env}/${database}/${username}` } },
    detail: { env, database, username, ...more },
  };
}

/** What must be so of a user who is changed (R5). @throws ApiError 403 where the caller may not override the rules */
export function conditionOf(caller: Caller, of: { username: string; override?: boolean | undefined }): RoleCondition {
  const override = of.override === true;
  if (override && !caller.isAdmin) throw new ApiError('forbidden', 'override: only administrators may say so');
  const environments = caller.scope === undefined ? undefined : [...(caller.scope.environments ?? [])];
  return {
    role: of.username,
    when: 'present',
    ...(override && { override }),
    ...(environments !== undefined && { environments }),
  };
}

/** What a document must say so that the rules of the role engine do not stand in the way of an administrator's word. */
export function adoption({ override }: RoleCondition): { allow: string[]; role: { adopt?: true } } {
  return override === true ? { allow: ['superuser'], role: { adopt: true } } : { allow: [], role: {} };
}

/** What approval policies are asked of a change of a user. */
export function heldUser({ serverName, document, prefix }: DocumentChange): Parameters<typeof refuseHeld>[2] {
  return { serverName, kind: 'user', roles: rolesNamed(parseSubmitted(document, prefix).document) };
}

/** Carries out a change of one user. @throws ApiError 409 where a policy asks for approval, which the published API cannot wait for */
export async function perform(
  deps: ServerApiDeps,
  caller: Caller,
  request: { route: string; content: unknown; operation: Operation },
): Promise<UserAnswer> {
  const { route, content, operation } = request;
  await refuseHeld(deps, caller, heldUser(operation.change));
  return operation.answer(await changeNow(deps, caller, { route, content, ...operation.change }));
}

/** How a password is given to the caller: in the answer, or behind a link. */
export async function answerWithPassword(
  deps: ServerApiDeps,
  caller: Caller,
  of: { place: Place; username: string; status: string; done: CarriedOut; generated: string; handover: HandoverWish },
): Promise<UserAnswer> {
  const { place, username, status, done, generated, handover } = of;
  const shown = { ...shownPlace(place), username, status };
  if (handover === undefined)
    return { ...shown, password: await passwordAfter(deps, caller, { role: username, done, generated }) };
  const { taskId } = done;
  const known = done.fresh ? undefined : await linkOfTask(deps, taskId, handover);
  if (known !== undefined) return { ...shown, password: null, handover: known };
  const password = await passwordAfter(deps, caller, { role: username, done, generated });
  const link = password && (await createHandover(deps, caller, { place, username, taskId, password, wish: handover }));
  return { ...shown, password: null, handover: link || null };
}
