import type { Message } from './message.ts';

/** HTML first, by which Webex has mentions (`<@all>`); then every character that Markdown gives a meaning. */
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Text that Webex shows as it is: no mention, no link and no formatting comes of it. */
export function escapeWebex(text: string): string {
  return text.replace(/[&<>]|[\\`*_{}[\]()#+\-.!|~:]/g, (character) => ESCAPES[character] ?? `\\${character}`);
}

/** Body of a request to an incoming webhook of Webex. */
export function webexPayload(message: Message): Record<string, unknown> {
  const { event, subject, succeeded, lines, footer } = message;
  const title = `${succeeded ? '' : '⚠ '}**${escapeWebex(event)}**: ${escapeWebex(subject)}`;
  const list = lines.map(([label, value]) => `- ${label}: ${escapeWebex(value)}`);
  return { markdown: [title, list.join('\n'), `_${escapeWebex(footer)}_`].join('\n\n') };
}
