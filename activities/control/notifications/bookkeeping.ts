import { giveUp, pendingOf } from '../../../store/notification-deliveries.ts';
import type { ControlDeps } from '../deps.ts';
import type { PendingNotification } from '../types.ts';

/** Messages of one look: what comes in meanwhile is found by the next. */
const PAGE = 25;

/** What is to be sent to a channel, oldest first. */
export async function listPendingNotifications(
  deps: ControlDeps,
  input: { channelId: string },
): Promise<{ pending: PendingNotification[] }> {
  const rows = await pendingOf(deps.db, { ...input, limit: PAGE });
  return {
    pending: rows.map(({ id, event, resource, createdAt }) => ({
      deliveryId: id,
      summary: `${event} ${resource}`,
      createdAtMs: createdAt.getTime(),
    })),
  };
}

/** Ends a message that could not be sent. Its last attempt has left the reason. */
export async function giveUpNotification(deps: ControlDeps, input: { deliveryId: string }): Promise<void> {
  await giveUp(deps.db, { ...input, reason: 'no attempt came to an end in time' });
}
