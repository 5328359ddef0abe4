/** A hygiene report for people: as a page that loads nothing, and as text. */
import type { HygieneFinding, HygieneKind, HygieneReport } from './hygiene-report.ts';

/** Kinds in the order in which they are worth a look, with what they are called. */
const HYGIENE_TITLES: Readonly<Record<HygieneKind, string>> = {
  public_create: 'Everybody can create objects',
  public_data: 'Everybody can get at data',
  public_connect: 'Everybody can connect',
  exempt_from_row_security: 'Exempt from row security',
  md5_password: 'Passwords stored as md5',
  password_expired: 'Expired passwords',
  password_expires_soon: 'Passwords that expire soon',
  password_never_expires: 'Passwords that never expire',
  dormant_login: 'Dormant logins',
  several_grantors: 'Memberships by several grantors',
  acl_headroom: 'Access control lists that get full',
  direct_grants: 'Rights granted to logins directly',
};

const STYLE =
  'body{font:1em/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}li{margin:.2em 0}td,th{padding:.1em 1em .1em 0;text-align:left}.note{color:#555}';

function sections({ findings, more }: HygieneReport): { title: string; findings: HygieneFinding[]; more: number }[] {
  return (Object.keys(HYGIENE_TITLES) as HygieneKind[]).flatMap((kind) => {
    const found = findings.filter((finding) => finding.kind === kind);
    return found.length === 0 ? [] : [{ title: HYGIENE_TITLES[kind], findings: found, more: more[kind] ?? 0 }];
  });
}

const moreText = (more: number) => (more === 0 ? [] : [`… and ${more} more`]);

/** One HTML document. Names come from the server: all of them are escaped. */
export function hygienePage(report: HygieneReport): string {
  const parts = sections(report).map(({ title, findings, more }) => {
    const items = [...findings.map(({ sentence }) => sentence), ...moreText(more)];
    return `<h2>${escaped(title)} (${findings.length + more})</h2><ul>${items.map((item) => `<li>${escaped(item)}</li>`).join('')}</ul>`;
  });
  const rows = report.logins.map(({ role, lastSeen }) => {
    return `<tr><td>${escaped(role)}</td><td>${escaped(lastSeen?.toISOString() ?? 'not seen')}</td></tr>`;
  });
  const notes = report.notes.map((note) => `<li>${escaped(note)}</li>`).join('');
  const title = escaped(`Hygiene of server ${report.server}`);
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title><style>${STYLE}</style></head><body>`,
    `<h1>${title}</h1><p>As of ${escaped(report.at.toISOString())}: ${total(report)} findings.</p>`,
    ...(parts.length === 0 ? ['<p>Nothing is worth a look.</p>'] : parts),
    `<h2>Logins</h2><table><tr><th>login</th><th>last seen with a session</th></tr>${rows.join('')}</table>`,
    `<h2>What this report does not know</h2><ul class="note">${notes}</ul></body></html>`,
  ].join('\n');
}

/** The same as text. */
export function hygieneText(report: HygieneReport): string {
  const parts = sections(report).flatMap(({ title, findings, more }) => {
    const items = [...findings.map(({ sentence }) => sentence), ...moreText(more)];
    return [`${title} (${findings.length + more})`, ...items.map((item) => `  - ${oneLine(item)}`), ''];
  });
  const logins = report.logins.map(
    ({ role, lastSeen }) => `  ${oneLine(role)}  ${lastSeen?.toISOString() ?? 'not seen'}`,
  );
  return [
    `Hygiene of server ${report.server}, ${report.at.toISOString()}: ${total(report)} findings`,
    '',
    ...parts,
    'Logins, and when they were last seen with a session',
    ...logins,
    '',
    ...report.notes.map((note) => `note: ${oneLine(note)}`),
    '',
  ].join('\n');
}

function total({ findings, more }: HygieneReport): number {
  return Object.values(more).reduce((sum, count) => sum + count, findings.length);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** Names may hold line ends and other control characters, which a terminal would obey. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, '\u{fffd}');
}
