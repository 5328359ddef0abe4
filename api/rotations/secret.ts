import { z } from '@hono/zod-openapi';
import { rotationResource } from '../../domain/rotations/request.ts';
import { rotationSecretId } from '../../domain/rotations/rotation.ts';
import { handoverUrl } from '../../domain/users/handover.ts';
import { makeHandover } from '../../platform/secrets/make-handover.ts';
import { openStored } from '../../platform/secrets/open-stored.ts';
import { insertAudit } from '../../store/audit.ts';
import type { Queryable } from '../../store/connection.ts';
import { insertHandover } from '../../store/handovers.ts';
import { lockRotation, type RotationRecord } from '../../store/rotations.ts';
import { secretsAt } from '../../store/secrets.ts';
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
  const [endpoint] = (await findServer(tx, serverName))?.endpoints ?? [];
  const database = options.databases?.[0] ?? '';
  const { id, token, tokenHash, expiresAt, secret } = makeHandover(deps.sealer, {
    shown: {
      ...{ username: login, password, database, env: '' },
      hostname: endpoint?.address ?? '',
      port: String(endpoint?.port ?? ''),
    },
    hours: deps.handover.hours,
  });
  // No task asked for it: the link is its own.
  const common = { id, taskId: id, serverName, roleName: login, environment: '', databaseName: database, expiresAt };
  await insertHandover(tx, { ...common, actor: caller.account, tokenHash, secret });
  await noteReveal(tx, caller, rotationId, { login, version: rotation.secretVersion, handover: id });
  const url = handoverUrl(deps.handover.publicUrl ?? of.origin, token);
  return { url, expires_at: expiresAt.toISOString() };
}

function noteReveal(db: Queryable, caller: Caller, id: string, detail: Record<string, unknown>): Promise<void> {
  const resource = rotationResource(id);
  return insertAudit(db, { kind: 'reveal', ...askedBy(caller), action: 'rotation.secret', resource, detail });
}
