import { quoteIdentifier } from '../sql/quote.ts';
import type { FileFormat } from './rotation.ts';

/** What a consumer is told. Secret. */
export interface ConsumerLogin {
  server: string;
  role: string;
  login: string;
  password: string;
  database: string;
  host: string;
  port: number;
  version: number;
}

/** Content of a file consumer. Passwords made here have letters and digits only, so nothing needs quoting but names. */
export function consumerFile(format: FileFormat, of: ConsumerLogin): string {
  return FORMATS[format](of);
}

const escaped = (field: string) => field.replace(/[\\:]/g, '\\$&');
const shell = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

const FORMATS: Record<FileFormat, (of: ConsumerLogin) => string> = {
  json: (of) => `${JSON.stringify(of, undefined, 2)}\n`,
  pgpass: ({ database, login, password }) =>
    `${['*', '*', database === '' ? '*' : escaped(database), escaped(login), escaped(password)].join(':')}\n`,
  env: ({ host, port, database, login, password }) =>
    [
      `PGHOST=${shell(host)}`,
      `PGPORT=${port}`,
      ...(database === '' ? [] : [`PGDATABASE=${shell(database)}`]),
      `PGUSER=${shell(login)}`,
      `PGPASSWORD=${shell(password)}`,
      '',
    ].join('\n'),
  password: ({ password }) => `${password}\n`,
};

/**
 * A PgBouncer `auth_file` with another verifier for some users; all other lines stay as they are. The verifier has to be the
 * server's own, byte for byte: PgBouncer logs in with the keys that it learns from its clients.
 * @param verifiers by user; undefined takes the user out
 */
export function authFileWith(text: string, verifiers: ReadonlyMap<string, string | undefined>): string {
  const kept = text.split('\n').filter((line) => line !== '' && !verifiers.has(userOf(line) ?? ''));
  const set = [...verifiers].flatMap(([user, verifier]) =>
    verifier === undefined ? [] : [`${quoted(user)} ${quoted(verifier)}`],
  );
  return [...kept, ...set].map((line) => `${line}\n`).join('');
}

/** Doubled quotes stand for one, as in SQL. */
const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;

function userOf(line: string): string | undefined {
  const [, user] = /^"((?:[^"]|"")*)"\s/.exec(line) ?? [];
  return user?.replaceAll('""', '"');
}

/** Commands of PgBouncer's admin console: read the file again, and leave server connections as soon as they are free. */
export function consoleCommands(databases: readonly string[] | undefined): string[] {
  return ['RELOAD', ...(databases?.map((name) => `RECONNECT ${quoteIdentifier(name)}`) ?? ['RECONNECT'])];
}
