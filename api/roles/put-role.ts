import { randomBytes } from 'node:crypto';
import type { z } from '@hono/zod-openapi';
import { proveLogin } from '../../platform/target/prove-login.ts';
import type { Caller } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import type { putRoleAnswerSchema } from '../schemas/access.ts';
import { changeNow } from './change.ts';
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

/** Creates or changes a role, and gives a generated password back once. */
export async function putRole(
  deps: ServerApiDeps,
  caller: Caller,
  put: PutRole,
): Promise<z.infer<typeof putRoleAnswerSchema>> {
  const { serverName, role, definition, allow } = put;
  if (put.generatePassword && (definition.password !== undefined || definition.verifier !== undefined)) {
    throw new ApiError('invalid_input', 'generate_password: a password or verifier is given, so none can be generated');
  }
  const generated = put.generatePassword ? randomBytes(PASSWORD_BYTES).toString('base64url') : undefined;
  const { taskId, fresh, result } = await changeNow(deps, caller, {
    serverName,
    route: 'PUT /v1/servers/{name}/roles/{role}',
    content: put,
    document: {
      allow,
      roles: [{ ...definition, ...(generated === undefined ? {} : { password: generated }), name: role }],
    },
    prefix: 'roles[0].',
  });
  const passwordSet = result.passwords_set?.includes(role) ?? false;
  const password = generated === undefined || fresh ? generated : await revealPassword(deps, caller, { taskId, role });
  const used = password ?? definition.password;
  return {
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
}

async function tryLogin(
  deps: ServerApiDeps,
  login: { serverName: string; role: string; password: string },
): Promise<{ proven: boolean; reason?: string }> {
  const server = await deps.targets.get(login.serverName);
  const proof = await proveLogin(server, { role: login.role, password: login.password });
  return proof.proven ? { proven: true } : { proven: false, reason: proof.message };
}
