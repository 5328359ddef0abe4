import type { Message, MessageOrigin } from './message.ts';
import { oneLine } from './text.ts';

/** A mail without its addresses. */
export interface MailText {
  subject: string;
  text: string;
  /** The same for every attempt, so that a mail that arrives twice is known as one. */
  messageId: string;
}

const MOST_SUBJECT = 150;

/** A mail of plain text. Every value is one line, so that none begins a header of its own. */
export function mailOf(message: Message, { deliveryId, installationId }: MessageOrigin): MailText {
  const { event, subject, lines, footer } = message;
  const width = Math.max(...lines.map(([label]) => label.length));
  const table = lines.map(([label, value]) => `${`${label}:`.padEnd(width + 1)} ${value}`);
  return {
    subject: oneLine(`[pgsteward] ${event} ${subject}`, MOST_SUBJECT),
    text: [`${event}: ${subject}`, '', ...table, '', '-- ', footer, ''].join('\n'),
    messageId: `<${deliveryId}@${installationId}.pgsteward>`,
  };
}
