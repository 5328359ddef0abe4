/**
 * Replaces every occurrence of a known secret in a text by `[redacted]`: as it is, percent-encoded as in URLs and forms,
 * escaped as in JSON, and with quotes doubled as in SQL literals. The last fence before a text leaves an activity; the first
 * one is not to put secrets into texts.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const forms = new Set(secrets.filter((secret) => secret !== '').flatMap(formsOf));
  const hits = [...forms].flatMap((form) => occurrences(text, form)).sort((a, b) => a.start - b.start);
  let result = '';
  let position = 0;
  for (const { start, end } of hits) {
    // A hit that overlaps the one before only extends it, so that no part of either is left over.
    if (start >= position) {
      result += text.slice(position, start) + MARK;
    }
    position = Math.max(position, end);
  }
  return result + text.slice(position);
}

const MARK = '[redacted]';

function formsOf(secret: string): string[] {
  return [
    secret,
    // By way of UTF-8, because encodeURIComponent throws on a lone surrogate.
    encodeURIComponent(Buffer.from(secret, 'utf8').toString('utf8')),
    new URLSearchParams([['', secret]]).toString().slice(1),
    JSON.stringify(secret).slice(1, -1),
    secret.replaceAll("'", "''"),
  ];
}

function occurrences(text: string, form: string): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (let start = text.indexOf(form); start >= 0; start = text.indexOf(form, start + 1)) {
    found.push({ start, end: start + form.length });
  }
  return found;
}
