import type { Message } from './message.ts';

/** What Slack's markup takes for its own: https://docs.slack.dev/messaging/formatting-message-text#escaping */
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Text that Slack shows as it is: no link, no mention and no `<!channel>` comes of it. */
export function escapeSlack(text: string): string {
  return text.replace(/[&<>]/g, (character) => ESCAPES[character] ?? '');
}

/** Slack refuses a section with more. */
const MOST_FIELDS = 10;

/**
 * Body of a request to an incoming webhook of Slack. Values are plain text, where Slack formats nothing; `text` is what a
 * notification on a phone shows.
 */
export function slackPayload(message: Message): Record<string, unknown> {
  const title = `${message.succeeded ? '' : '⚠ '}${message.event}: ${message.subject}`;
  const plain = (text: string) => ({ type: 'plain_text', text: escapeSlack(text), emoji: false });
  return {
    text: escapeSlack(title),
    mrkdwn: false,
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: 'section', text: plain(title) },
      {
        type: 'section',
        fields: message.lines.slice(0, MOST_FIELDS).map(([label, value]) => plain(`${label}: ${value}`)),
      },
      { type: 'context', elements: [plain(message.footer)] },
    ],
  };
}
