import { ApplicationFailure, continueAsNew, isCancellation } from '@temporalio/workflow';
import { failureReason } from './failure-reason.ts';
import { LOOKS_PER_RUN, NOTIFICATIONS_PER_RUN, NOTIFY_AT_LEAST_MS, NOTIFY_WITHIN_MS } from './policies.ts';
import { control, locally } from './proxies.ts';

/** How many are named; the list of deliveries has all. */
const SHOWN = 10;

/** Looks for events that channels are for, and starts what sends them. Run by a schedule, one at a time. */
export async function collectNotifications(): Promise<{ added: number }> {
  let total = 0;
  for (let look = 0; look < LOOKS_PER_RUN; look += 1) {
    const { added, more } = await locally('look through the audit log').collectNotifications({});
    total += added;
    if (!more) break;
  }
  return { added: total };
}

/**
 * Sends what is pending for one channel, one message after the other and oldest first: Slack takes one a second, and what one message
 * waits for, the next would wait for as well. One run of a channel at a time, by its id; the next look at the audit log starts
 * another one for what came in too late for this one. Fails when a message was given up, so that the Temporal UI shows it.
 */
export async function sendNotifications(input: { channelId: string }): Promise<{ sent: number }> {
  const { channelId } = input;
  const givenUp: string[] = [];
  let [seen, sent] = [0, 0];
  while (seen < NOTIFICATIONS_PER_RUN) {
    const { pending } = await locally('what is to be sent?').listPendingNotifications({ channelId });
    if (pending.length === 0) return end(sent, givenUp);
    for (const { deliveryId, summary, createdAtMs } of pending) {
      const budgetMs = Math.max(NOTIFY_AT_LEAST_MS, createdAtMs + NOTIFY_WITHIN_MS - Date.now());
      seen += 1;
      try {
        if ((await control('notify', { summary, budgetMs }).sendNotification({ deliveryId })).sent) sent += 1;
      } catch (error) {
        // Ended by hand: what is pending stays so.
        if (isCancellation(error)) throw error;
        await locally(`give up ${summary}`).giveUpNotification({ deliveryId });
        givenUp.push(`${summary} (${deliveryId}): ${failureReason(error)}`);
      }
    }
  }
  if (givenUp.length > 0) return end(sent, givenUp);
  return continueAsNew<typeof sendNotifications>(input);
}

function end(sent: number, givenUp: readonly string[]): { sent: number } {
  if (givenUp.length === 0) return { sent };
  throw ApplicationFailure.create({
    type: 'NotificationRefused',
    message: `${givenUp.length} given up, ${sent} sent: ${givenUp.slice(0, SHOWN).join('; ')}`,
    nonRetryable: true,
  });
}
