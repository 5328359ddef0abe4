import { randomBytes } from 'node:crypto';
import type { z } from '@hono/zod-openapi';
import { proveLogin } from '../../platform/target/prove-login.ts';
import { changeOrHold, heldAnswer } from '../approvals/accept-held.ts';
import type { Caller } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import type { putRoleAnswerSchema } from '../schemas/access.ts';
import type { heldSchema } from '../schemas/approval.ts';
import { revealPassword } from './reveal.ts';

/** What PUT of a role takes beside the role itself. */
export interface PutRole {
  serverName: string;
  role: string;
  /** Members of a role of a document, without its name. */
  definition: Record<string, unknown>;
  allow: string[];
  generatePassword: boolean;
  /** Log in with the new password before answering; done anyway where the admin role cannot see what the server stored. */
  proveLogin: boolean;
}

const PASSWORD_BYTES = 24;

/** A role as it was asked for, or what the request waits for. */
export type PutRoleOutcome =
  | { state: 'done'; body: z.infer<typeof putRoleAnswerSchema> }
  | { state: 'held'; body: z.infer<typeof heldSchema>; headers: { Location: string } };

/**
 * Creates or changes a role, and gives a generated password back once: of a change that waits for approval with the answer that says
 * so, for later there is nobody to give it to.
 */
export async function putRole(deps: ServerApiDeps, caller: Caller, put: PutRole): Promise<PutRoleOutcome> {
  const { serverName, role, definition, allow } = put;
  if (put.generatePassword && (definition.password !== undefined || definition.verifier !== undefined)) {
    throw new ApiError('invalid_input', 'generate_password: a password or verifier is given, so none can be generated');
  }
  const generated = put.generatePassword ? randomBytes(PASSWORD_BYTES).toString('base64url') : undefined;
  const outcome = await changeOrHold(deps, caller, {
    serverName,
    kind: 'role',
    proveLogin: put.proveLogin,
    route: 'PUT /v1/servers/{name}/roles/{role}',
    content: put,
    document: {
      allow,
      roles: [{ ...definition, ...(generated === undefined ? {} : { password: generated }), name: role }],
    },
    prefix: 'roles[0].',
  });
  const passwordOf = async (of: { taskId: string; fresh: boolean }) =>
    generated === undefined || of.fresh ? generated : revealPassword(deps, caller, { taskId: of.taskId, role });
  if (outcome.state === 'held') {
    const { body, headers } = heldAnswer(outcome);
    const password = await passwordOf(outcome);
    return { state: 'held', body: { ...body, ...(password === undefined ? {} : { password }) }, headers };
  }
  const { taskId, result } = outcome.done;
  const passwordSet = result.passwords_set?.includes(role) ?? false;
  const password = await passwordOf(outcome.done);
  const used = password ?? definition.password;
  const body = {
    name: role,
    task_id: taskId,
    created: result.created?.includes(role) ?? false,
    steps: result.steps ?? [],
    password_set: passwordSet,
    ...(password === undefined ? {} : { password }),
    ...((put.proveLogin || result.passwords_compared === false) && passwordSet && typeof used === 'string'
      ? { login: await tryLogin(deps, { serverName, role, password: used }) }
      : {}),
  };
  return { state: 'done', body };
}

async function tryLogin(
  deps: ServerApiDeps,
  login: { serverName: string; role: string; password: string },
): Promise<{ proven: boolean; reason?: string }> {
  const server = await deps.targets.get(login.serverName);
  const proof = await proveLogin(server, { role: login.role, password: login.password });
  return proof.proven ? { proven: true } : { proven: false, reason: proof.message };
}
