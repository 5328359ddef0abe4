import { type HandedOver, handoverSecretId, handoverUrl, type SealedHandover } from '../../domain/users/handover.ts';
import { makeHandover } from '../../platform/secrets/make-handover.ts';
import { openStored } from '../../platform/secrets/open-stored.ts';
import { hashToken } from '../../platform/secrets/token.ts';
import { insertAudit } from '../../store/audit.ts';
import { inTransaction } from '../../store/connection.ts';
import { findHandover, findHandoverOfTask, insertHandover, redeemHandover } from '../../store/handovers.ts';
import { currentSecrets, deleteSecretsOf } from '../../store/secrets.ts';
import { askedBy } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { type ShownEntry, shownPlace } from './place.ts';

/** What a request says of how its password is handed over. */
export interface HandoverParameters {
  handover?: 'link' | undefined;
  handover_hours?: unknown;
}

/** A link that is wished for; undefined: the password is in the answer. */
export type HandoverWish = { hours: number; baseUrl: string } | undefined;

type Deps = Pick<ApiDeps, 'db' | 'sealer' | 'handover'>;

/** @param origin scheme and authority that the caller reached this API under */
export function handoverWish(deps: Pick<ApiDeps, 'handover'>, of: HandoverParameters, origin: string): HandoverWish {
  if (of.handover === undefined) return undefined;
  const { publicUrl, hours: defaultHours } = deps.handover;
  const hours = typeof of.handover_hours === 'number' ? of.handover_hours : defaultHours;
  return { hours, baseUrl: publicUrl ?? origin };
}

/** A link as answers have it; null: its password has been shown. */
export type HandoverLink = { url: string; expires_at: string } | null;

/** Puts a password behind a link. */
export async function createHandover(
  deps: Deps,
  caller: Caller,
  of: { place: ShownEntry; username: string; taskId: string; password: string; wish: NonNullable<HandoverWish> },
): Promise<HandoverLink> {
  const { place, username, taskId, password, wish } = of;
  const { id, token, tokenHash, expiresAt, secret } = makeHandover(deps.sealer, {
    shown: { ...shownPlace(place), username, password },
    hours: wish.hours,
  });
  const { serverName, env: environment, dbName: databaseName } = place.entry;
  const isNew = await inTransaction(deps.db, async (tx) => {
    const common = { id, taskId, serverName, roleName: username, environment, databaseName, expiresAt };
    return insertHandover(tx, { ...common, actor: caller.account, tokenHash, secret });
  });
  if (isNew) return { url: handoverUrl(wish.baseUrl, token), expires_at: expiresAt.toISOString() };
  return (await linkOfTask(deps, taskId, wish)) ?? null;
}

/** The link that a request got before: the same one again. @returns undefined where it got none */
export async function linkOfTask(
  deps: Pick<Deps, 'db' | 'sealer'>,
  taskId: string,
  wish: NonNullable<HandoverWish>,
): Promise<HandoverLink | undefined> {
  const known = await findHandoverOfTask(deps.db, taskId);
  if (known === undefined) return undefined;
  const sealed = known.expiresAt > new Date() ? await open(deps, deps.db, known.id) : undefined;
  return sealed === undefined
    ? null
    : { url: handoverUrl(wish.baseUrl, sealed.token), expires_at: known.expiresAt.toISOString() };
}

async function open(
  deps: Pick<Deps, 'sealer'>,
  db: Parameters<typeof currentSecrets>[0],
  id: string,
): Promise<SealedHandover | undefined> {
  const secretId = handoverSecretId(id);
  const secret = (await currentSecrets(db, [secretId])).get(secretId);
  if (secret === undefined) return undefined;
  return JSON.parse(openStored(deps.sealer, secret)) as SealedHandover;
}

/** Until when a link can be opened; nothing of what is behind it. @throws ApiError 404 */
export async function lookAtHandover(deps: Pick<Deps, 'db'>, token: string): Promise<{ expiresAt: Date }> {
  const found = await findHandover(deps.db, hashToken(token));
  if (found === undefined) throw gone();
  return { expiresAt: found.expiresAt };
}

/** Shows what is behind a link, for the first and last time. @throws ApiError 404 */
export function openHandover(
  deps: Deps,
  caller: Pick<Caller, 'source' | 'requestId'>,
  token: string,
): Promise<HandedOver> {
  return inTransaction(deps.db, async (tx) => {
    const handover = await redeemHandover(tx, hashToken(token));
    const sealed = handover && (await open(deps, tx, handover.id));
    if (handover === undefined || sealed === undefined) throw gone();
    await deleteSecretsOf(tx, handoverSecretId(handover.id));
    // Whoever has the link is not known by name; who asked for it is.
    await insertAudit(tx, {
      kind: 'reveal',
      ...askedBy({ ...caller, account: 'handover' }),
      action: 'role.password',
      resource: `server/${handover.serverName}/role/${handover.roleName}`,
      taskId: handover.taskId,
      detail: {
        handover: handover.id,
        asked_by: handover.actor,
        env: handover.environment,
        database: handover.databaseName,
      },
    });
    return sealed.shown;
  });
}

function gone(): ApiError {
  return new ApiError('not_found', 'this link shows nothing: it was opened before, has expired, or never was one');
}
