/** What libpq looks up in a password file. */
export interface PassfileQuery {
  host: string;
  port: number;
  /** `replication` for standbys. */
  database: string;
  user: string;
}

/** The password of the first line of a password file that fits, as libpq reads it. */
export function findPassword(text: string, query: PassfileQuery): string | undefined {
  const wanted = [query.host, String(query.port), query.database, query.user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = splitFields(line);
    const fits = wanted.every((value, index) => fields[index] === '*' || unescaped(fields[index] ?? '') === value);
    const password = fields[4];
    if (fits && password !== undefined) return unescaped(password);
  }
  return undefined;
}

/** Fields are separated by colons; `\:` and `\\` are part of a field. */
function splitFields(line: string): string[] {
  return line.match(/(?:\\.|[^:\\])+/g) ?? [];
}

function unescaped(field: string): string {
  return field.replaceAll(/\\(.)/g, '$1');
}
