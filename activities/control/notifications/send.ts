import { cancellationSignal } from '@temporalio/activity';
import { Failure } from '../../../domain/failures.ts';
import type { Rejection } from '../../../domain/notifications/answer.ts';
import { mailOf } from '../../../domain/notifications/mail.ts';
import { type Message, type MessageOrigin, messageOf } from '../../../domain/notifications/message.ts';
import { slackPayload } from '../../../domain/notifications/slack.ts';
import { webexPayload } from '../../../domain/notifications/webex.ts';
import { sendMail } from '../../../platform/notifications/mail.ts';
import { postWebhook } from '../../../platform/notifications/webhook.ts';
import { openStored } from '../../../platform/secrets/open-stored.ts';
import type { ChannelRecord } from '../../../store/notification-channels.ts';
import { beginAttempt, recordAttemptError, recordSent } from '../../../store/notification-deliveries.ts';
import { currentSecrets } from '../../../store/secrets.ts';
import type { ControlDeps } from '../deps.ts';

/** What an attempt needs, and what came of it. */
interface Attempt {
  channel: ChannelRecord;
  /** URL of a webhook, or password of a mail server. */
  secret: string | undefined;
  message: Message;
  origin: MessageOrigin;
}
type Result = { rejection?: Rejection; remark?: string };

const WEBHOOK_PAYLOADS = { slack: slackPayload, webex: webexPayload } as const;

/**
 * One attempt to hand a message over. A worker that dies between the receiver's answer and the record of it sends the same message
 * once more: it has the same id.
 * @returns whether there was something to send
 * @throws NotificationRefused, ReceiverUnavailable
 */
export async function sendNotification(deps: ControlDeps, input: { deliveryId: string }): Promise<{ sent: boolean }> {
  const { deliveryId } = input;
  const begun = await beginAttempt(deps.db, deliveryId);
  if (begun === undefined) return { sent: false };
  const { channel, facts } = begun;
  const origin = { deliveryId, installationId: deps.installationId };
  const attempt = { channel, secret: await openSecret(deps, channel), message: messageOf(facts, origin), origin };
  const { rejection, remark } = await handOver(attempt, cancellationSignal());
  if (rejection === undefined) {
    await recordSent(deps.db, { deliveryId, ...(remark === undefined ? {} : { remark }) });
    return { sent: true };
  }
  const error = `${channel.name}: ${rejection.reason}`;
  await recordAttemptError(deps.db, { deliveryId, error: rejection.reason });
  const { retryAfterMs } = rejection;
  throw new Failure(rejection.retry ? 'ReceiverUnavailable' : 'NotificationRefused', error, {
    details: { deliveryId, channelId: channel.id },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

async function openSecret({ db, sealer }: ControlDeps, { secretId }: ChannelRecord): Promise<string | undefined> {
  if (secretId === null) return undefined;
  const sealed = (await currentSecrets(db, [secretId])).get(secretId);
  return sealed && openStored(sealer, sealed);
}

async function handOver({ channel, secret, message, origin }: Attempt, signal: AbortSignal): Promise<Result> {
  const { deliveryId } = origin;
  if (channel.kind === 'smtp') {
    const { config } = channel;
    const mail = mailOf(message, origin);
    const { rejection, refusedRecipients } = await sendMail({ config, password: secret, mail, deliveryId, signal });
    if (rejection !== undefined) return { rejection };
    if (refusedRecipients === 0) return {};
    return { remark: `sent, but refused for ${refusedRecipients} of ${config.to.length} recipients` };
  }
  // Deleted together with its channel, a moment ago.
  if (secret === undefined) return { rejection: { reason: 'the webhook has no URL', retry: false } };
  const body = WEBHOOK_PAYLOADS[channel.kind](message);
  const rejection = await postWebhook({ url: secret, body, deliveryId, signal });
  return rejection === undefined ? {} : { rejection };
}
