import type { z } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import { inTransaction } from '../../store/connection.ts';
import {
  type ChannelRecord,
  channelSecretId,
  deleteChannel,
  insertChannel,
  lockChannel,
  updateChannel,
} from '../../store/notification-channels.ts';
import { giveUpChannel } from '../../store/notification-deliveries.ts';
import { deleteSecretsOf } from '../../store/secrets.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { type changeChannelSchema, channelSchema, type createChannelSchema } from '../schemas/notification.ts';
import { changedDestination, destinationOf } from './destination.ts';
import { renderChannel } from './render.ts';
import { openChannelSecret, storeChannelSecret } from './secret.ts';

type ShownChannel = z.infer<typeof channelSchema>;

/** Adds a channel. What began before is not sent to it. @throws ApiError */
export function acceptCreate(
  deps: ApiDeps,
  caller: Caller,
  body: z.infer<typeof createChannelSchema>,
): Promise<ShownChannel> {
  const route = 'POST /v1/notifications/channels';
  const change = changeRequest(deps, { caller, route, content: body, answer: channelSchema });
  return change.once(async () => {
    const { config, secret } = destinationOf(body);
    const { name, kind, events, environments, enabled } = body;
    return inTransaction(deps.db, async (tx) => {
      const id = uuidv7();
      const secretId = await storeChannelSecret(tx, deps.sealer, { channelId: id, text: secret, version: 1 });
      const made = await insertChannel(tx, { id, name, kind, config, secretId, events, environments, enabled });
      if (made === undefined) throw alreadyExists(name);
      await auditChange(tx, caller, {
        action: 'notification_channel.create',
        resource: resourceOf(id),
        detail: { after: auditable(made) },
      });
      const answer = renderChannel(made);
      await change.keep(tx, answer);
      return answer;
    });
  });
}

/** Changes a channel. One that is disabled gets nothing more, also of what is pending. @throws ApiError */
export function acceptChange(
  deps: ApiDeps,
  caller: Caller,
  request: { id: string; body: z.infer<typeof changeChannelSchema> },
): Promise<ShownChannel> {
  const { id, body } = request;
  const route = 'PATCH /v1/notifications/channels/{channel_id}';
  const change = changeRequest(deps, { caller, route, content: request, answer: channelSchema });
  return change.atOnce(async (tx) => {
    const before = await lockChannel(tx, id);
    if (before === undefined) throw noSuchChannel();
    const stored = await openChannelSecret(tx, deps.sealer, id);
    const { config, secret } =
      body.config === undefined
        ? { config: before.config, secret: stored?.text }
        : changedDestination(before, stored?.text, body.config);
    const newSecret = secret !== stored?.text;
    const secretId = newSecret
      ? await storeChannelSecret(tx, deps.sealer, {
          channelId: id,
          text: secret,
          version: (stored?.version ?? 0) + 1,
        })
      : before.secretId;
    const { name = before.name, events = before.events } = body;
    const { environments = before.environments, enabled = before.enabled } = body;
    const wanted = { id, name, kind: before.kind, config, secretId, events, environments, enabled };
    const after = await updateChannel(tx, wanted);
    if (after === undefined) throw alreadyExists(name);
    if (!enabled) await giveUpChannel(tx, { channelId: id, reason: 'the channel was disabled' });
    await auditChange(tx, caller, {
      action: 'notification_channel.change',
      resource: resourceOf(id),
      detail: { before: auditable(before), after: auditable(after), newSecret },
    });
    return renderChannel(after);
  });
}

/** Removes a channel with its secret. What was sent to it stays readable. @throws ApiError */
export function acceptDelete(deps: ApiDeps, caller: Caller, id: string): Promise<ShownChannel> {
  const route = 'DELETE /v1/notifications/channels/{channel_id}';
  const change = changeRequest(deps, { caller, route, content: { id }, answer: channelSchema });
  return change.atOnce(async (tx) => {
    const before = await lockChannel(tx, id);
    if (before === undefined) throw noSuchChannel();
    await deleteChannel(tx, id);
    await deleteSecretsOf(tx, channelSecretId(id));
    await giveUpChannel(tx, { channelId: id, reason: 'the channel was deleted' });
    await auditChange(tx, caller, {
      action: 'notification_channel.delete',
      resource: resourceOf(id),
      detail: { before: auditable(before) },
    });
    return renderChannel(before);
  });
}

export const resourceOf = (channelId: string): string => `notification_channel/${channelId}`;

/** 404 for an id that no channel has. */
export function noSuchChannel(): ApiError {
  return new ApiError('not_found', 'no notification channel found with the given ID');
}

function alreadyExists(name: string): ApiError {
  return new ApiError('channel_already_exists', `a notification channel with the name "${name}" exists already`);
}

function auditable({ name, kind, enabled, events, environments, config }: ChannelRecord) {
  return { name, kind, enabled, events, environments, config };
}
