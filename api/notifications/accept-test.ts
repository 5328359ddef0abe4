import type { z } from '@hono/zod-openapi';
import { TEST_EVENT } from '../../domain/notifications/events.ts';
import { startNotifications } from '../../platform/temporal/start-notifications.ts';
import { inTransaction } from '../../store/connection.ts';
import { type ChannelRecord, lockChannel } from '../../store/notification-channels.ts';
import { insertDeliveries } from '../../store/notification-deliveries.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { channelTestSchema } from '../schemas/notification.ts';
import { noSuchChannel, resourceOf } from './channels.ts';

/** Sends a message that says only that it is a test, on the way that all others go. @throws ApiError */
export function acceptTest(deps: ApiDeps, caller: Caller, id: string): Promise<z.infer<typeof channelTestSchema>> {
  const route = 'POST /v1/notifications/channels/{channel_id}/test';
  const change = changeRequest(deps, { caller, route, content: { id }, answer: channelTestSchema });
  return change.once(async () => {
    const { channel, answer } = await inTransaction(deps.db, async (tx) => {
      const found = await lockChannel(tx, id);
      if (found === undefined) throw noSuchChannel();
      if (!found.enabled) throw new ApiError('channel_disabled', 'the channel is disabled; enable it to send a test');
      const [deliveryId] = await insertDeliveries(tx, [testOf(found, caller)]);
      if (deliveryId === undefined) throw new Error('a test was not added');
      await auditChange(tx, caller, { action: 'notification_channel.test', resource: resourceOf(id) });
      const accepted = { delivery_id: deliveryId };
      await change.keep(tx, accepted);
      return { channel: found, answer: accepted };
    });
    try {
      await startNotifications(deps.workflows, channel, { taskQueue: deps.taskQueue, eager: deps.eagerStart });
    } catch (error) {
      deps.log.warn(
        { err: error, channelId: id },
        'Temporal did not take the start; the next look at the audit log will',
      );
    }
    return answer;
  });
}

function testOf({ id, name }: ChannelRecord, caller: Caller) {
  return {
    channelId: id,
    channelName: name,
    auditId: null,
    facts: {
      event: TEST_EVENT,
      succeeded: true,
      at: new Date().toISOString(),
      actor: caller.account,
      resource: resourceOf(id),
      environment: null,
      source: caller.source ?? null,
      taskId: null,
      requestId: caller.requestId,
      names: { Channel: [name] },
    },
  };
}
