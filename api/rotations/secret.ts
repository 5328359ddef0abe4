import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import { rotationResource } from '../../domain/rotations/request.ts';
import { rotationSecretId } from '../../domain/rotations/rotation.ts';
import { openStored } from '../../platform/secrets/open-stored.ts';
import { sealStored } from '../../platform/secrets/seal-stored.ts';
import { hashToken } from '../../platform/secrets/token.ts';
import { insertAudit } from '../../store/audit.ts';
import type { Queryable } from '../../store/connection.ts';
import { handoverSecretId, insertHandover } from '../../store/handovers.ts';
import { lockRotation, type RotationRecord } from '../../store/rotations.ts';
import { insertSecrets, secretsAt } from '../../store/secrets.ts';
import { findServer } from '../../store/servers.ts';
import { mayUse } from '../access/may-use.ts';
import { noteAccepted } from '../audit/accepted.ts';
import { askedBy } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import type { rotationSecretSchema } from '../schemas/rotation.ts';
import { noSuchRotation } from './changes.ts';

type Secret = z.infer<typeof rotationSecretSchema>;

const ROUTE = 'POST /v1/rotations/{rotation_id}/secret';
const TOKEN_BYTES = 32;
const MS_PER_HOUR = 3_600_000;

/** What is kept of an answer for its repetition: which version it showed, never the password. */
const keptSchema = z.object({ login: z.string(), version: z.int() });

/**
 * The current password of a rotation: in the answer where the request can be repeated safely (R7), else behind a link that shows it
 * once. Both are reveals. @throws ApiError 404
 */
export async function revealRotation(
  deps: ApiDeps,
  caller: Caller,
  of: { id: string; origin: string },
): Promise<Secret> {
  const change = changeRequest(deps, { caller, route: ROUTE, content: { id: of.id }, answer: keptSchema });
  const keyed = caller.idempotencyKey !== undefined;
  let link: Secret['handover'] = null;
  const { login, version } = await change.atOnce(async (tx) => {
    const rotation = await lockRotation(tx, of.id);
    if (rotation === undefined || !mayUse(caller, 'servers', rotation.serverName)) throw noSuchRotation();
    const shown = { login: rotation.currentLogin ?? rotation.roleName, version: rotation.secretVersion };
    const password = await openVersion(deps, tx, { id: of.id, version: shown.version });
    if (password === undefined) {
      throw new ApiError('not_found', 'no run of the rotation has set a password yet, so none is known here');
    }
    if (!keyed) link = await linkTo(deps, tx, { caller, rotation, password, origin: of.origin });
    return shown;
  });
  noteAccepted(caller);
  if (!keyed) return { login, version, password: null, handover: link };
  // A later run may have replaced it: then what was shown first is not shown again.
  const password = await openVersion(deps, deps.db, { id: of.id, version });
  if (password !== undefined) await noteReveal(deps.db, caller, of.id, { login, version });
  return { login, version, password: password ?? null, handover: null };
}

async function openVersion(
  deps: Pick<ApiDeps, 'sealer'>,
  db: Queryable,
  of: { id: string; version: number },
): Promise<string | undefined> {
  const id = rotationSecretId(of.id);
  const secret = (await secretsAt(db, { [id]: of.version })).get(id);
  return secret && openStored(deps.sealer, secret);
}

async function linkTo(
  deps: ApiDeps,
  tx: Queryable,
  of: { caller: Caller; rotation: RotationRecord; password: string; origin: string },
): Promise<NonNullable<Secret['handover']>> {
  const { caller, rotation, password } = of;
  const { serverName, id: rotationId, roleName, options } = rotation;
  const login = rotation.currentLogin ?? roleName;
  const id = uuidv7();
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const expiresAt = new Date(Date.now() + deps.handover.hours * MS_PER_HOUR);
  const [endpoint] = (await findServer(tx, serverName))?.endpoints ?? [];
  const database = options.databases?.[0] ?? '';
  const shown = {
    ...{ username: login, password, database, env: '' },
    hostname: endpoint?.address ?? '',
    port: String(endpoint?.port ?? ''),
  };
  const secretId = handoverSecretId(id);
  const identity = { id: secretId, owner: secretId, version: 1 };
  // No task asked for it: the link is its own.
  const common = { id, taskId: id, serverName, roleName: login, environment: '', databaseName: database, expiresAt };
  await insertHandover(tx, { ...common, actor: caller.account, tokenHash: hashToken(token) });
  await insertSecrets(tx, [sealStored(deps.sealer, identity, JSON.stringify({ token, shown }))]);
  await noteReveal(tx, caller, rotationId, { login, version: rotation.secretVersion, handover: id });
  const base = (deps.handover.publicUrl ?? of.origin).replace(/\/+$/, '');
  return { url: `${base}/api/v1/handover/${token}`, expires_at: expiresAt.toISOString() };
}

function noteReveal(db: Queryable, caller: Caller, id: string, detail: Record<string, unknown>): Promise<void> {
  const resource = rotationResource(id);
  return insertAudit(db, { kind: 'reveal', ...askedBy(caller), action: 'rotation.secret', resource, detail });
}
