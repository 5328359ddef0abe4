import type { Context } from 'hono';
import type { HandedOver } from '../../domain/users/handover.ts';

/** Whether a person looks at the answer. */
export function wantsPage(c: Context): boolean {
  return c.req.header('Accept')?.includes('text/html') ?? false;
}

/**
 * Nothing is loaded from anywhere, nothing runs, nobody frames it. The form sends the origin, by which a request of another site is
 * told; other sites are not told the address that the reader came from.
 */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'Referrer-Policy': 'same-origin',
  'X-Robots-Tag': 'noindex, nofollow',
  'X-Content-Type-Options': 'nosniff',
};

const STYLE =
  'body{font:1.1em/1.5 sans-serif;max-width:36em;margin:4em auto;padding:0 1em}code{user-select:all;font-size:1.1em}';

/** What a link shows before somebody decides to see the password: programs that look at links do no more than this. */
export function waitingPage(c: Context, of: { expiresAt: Date }): Response {
  return page(c, 'A password waits here', [
    '<p>It is shown once. Whoever presses the button sees it, and nobody after that.</p>',
    '<form method="post"><button type="submit">Show the password</button></form>',
    `<p>The link is good until ${escaped(of.expiresAt.toISOString())}.</p>`,
  ]);
}

/** The password, for the only time. */
export function revealedPage(c: Context, revealed: HandedOver): Response {
  const { username, password, hostname, port, database } = revealed;
  const rows = Object.entries({ user: username, password, host: hostname, port, database }).map(
    ([label, value]) => `<tr><th align="left">${label}</th><td><code>${escaped(value)}</code></td></tr>`,
  );
  return page(c, 'The password', [
    `<table cellpadding="6">${rows.join('')}</table>`,
    '<p>Keep it now: this link shows it to nobody any more.</p>',
  ]);
}

function page(c: Context, title: string, lines: readonly string[]): Response {
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>pgsteward</title><style>${STYLE}</style></head><body><h1>${title}</h1>${lines.join('')}</body></html>`;
  return c.html(html, 200, HEADERS);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
