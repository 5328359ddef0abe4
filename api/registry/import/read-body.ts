/** What an import is made of, whatever form it was sent in. */
import { createHash } from 'node:crypto';
import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { ForeignAuditRow } from '../../../store/imported-audit.ts';
import { ApiError } from '../../errors.ts';
import { decodeJson } from '../../request-validation.ts';
import { schemaProblemText } from '../../schema-error-body.ts';
import { schemaProblems } from '../../schema-problems.ts';
import { importBodySchema, importOptionsSchema } from '../../schemas/registry-import.ts';
import { MAX_IMPORT_BYTES, MAX_TEXT_BYTES } from './limits.ts';
import { readCsv } from './read-csv.ts';
import { readSqlite } from './read-sqlite.ts';

export type ImportOptions = z.infer<typeof importOptionsSchema>;

/** Entries as they were found, not yet judged, and how to register their servers. The caller closes it. */
export interface ImportSource {
  format: 'json' | 'csv' | 'sqlite';
  /** SHA-256 of what was sent. */
  digest: string;
  entries: readonly unknown[];
  options: ImportOptions;
  /** Rows of an audit log, in batches; undefined where there is none. */
  audit?: AsyncIterable<ForeignAuditRow[]>;
  close(): Promise<void>;
}

type Parts = Pick<ImportSource, 'entries' | 'audit' | 'close'>;

const none = { close: async () => undefined };

interface Format {
  name: ImportSource['format'];
  maxBytes: number;
  /** `bytes` is given away. */
  read(bytes: ArrayBuffer): Promise<Parts & { options?: ImportOptions }>;
}

const JSON_FORMAT: Format = {
  name: 'json',
  maxBytes: MAX_TEXT_BYTES,
  async read(bytes) {
    const { entries, databases, count: _, ...options } = parsed(importBodySchema, jsonOf(bytes), 'body');
    return { entries: entries ?? databases ?? [], options, ...none };
  },
};
const CSV_FORMAT: Format = {
  name: 'csv',
  maxBytes: MAX_TEXT_BYTES,
  read: async (bytes) => ({ entries: readCsv(bytes), ...none }),
};
const SQLITE_FORMAT: Format = { name: 'sqlite', maxBytes: MAX_IMPORT_BYTES, read: readSqlite };

const BY_MEDIA_TYPE: ReadonlyMap<string, Format> = new Map([
  ['application/json', JSON_FORMAT],
  ['text/csv', CSV_FORMAT],
  ['application/vnd.sqlite3', SQLITE_FORMAT],
  ['application/x-sqlite3', SQLITE_FORMAT],
]);
const BY_FILE_NAME: readonly [RegExp, Format][] = [
  [/\.json$/i, JSON_FORMAT],
  [/\.csv$/i, CSV_FORMAT],
  [/\.(db|sqlite3?)$/i, SQLITE_FORMAT],
];
const MULTIPART = 'multipart/form-data';

/** Reads the body of an import. @throws ApiError 400, 413 or 415; Failure InvalidSpec for a file that cannot be read */
export async function readImport(c: Context): Promise<ImportSource> {
  const mediaType = mediaTypeOf(c.req.header('Content-Type'));
  if (mediaType === MULTIPART) return readForm(c);
  const format = BY_MEDIA_TYPE.get(mediaType);
  if (format === undefined) throw unsupported();
  const bytes = await c.req.arrayBuffer();
  return read(format, bytes, digestOf(bytes));
}

/** A form: `file`, and `options` as JSON. */
async function readForm(c: Context): Promise<ImportSource> {
  const form = await c.req.formData().catch(() => {
    throw new ApiError('invalid_input', 'the form cannot be decoded');
  });
  const unknown = [...form.keys()].find((name) => name !== 'file' && name !== 'options');
  if (unknown !== undefined) throw new ApiError('invalid_input', `the form has "file" and "options" only`);
  const file = form.get('file');
  if (file === null || typeof file === 'string') throw new ApiError('invalid_input', '"file" is missing from the form');
  const format = BY_MEDIA_TYPE.get(mediaTypeOf(file.type)) ?? BY_FILE_NAME.find(([name]) => name.test(file.name))?.[1];
  if (format === undefined) throw unsupported();
  const given = form.get('options');
  const optionsBytes = given === null ? undefined : await new Blob([given]).arrayBuffer();
  const options = optionsBytes === undefined ? undefined : parsed(importOptionsSchema, jsonOf(optionsBytes), 'options');
  const bytes = await file.arrayBuffer();
  const source = await read(format, bytes, digestOf(bytes, ...(optionsBytes === undefined ? [] : [optionsBytes])));
  return options === undefined ? source : { ...source, options };
}

async function read(format: Format, bytes: ArrayBuffer, digest: string): Promise<ImportSource> {
  if (bytes.byteLength > format.maxBytes) {
    throw new ApiError('payload_too_large', `${format.name} exceeds ${format.maxBytes} bytes`);
  }
  if (bytes.byteLength === 0) throw new ApiError('invalid_input', 'the file is empty');
  const { options = importOptionsSchema.parse({}), ...parts } = await format.read(bytes);
  return { format: format.name, digest, options, ...parts };
}

function jsonOf(bytes: ArrayBuffer): unknown {
  const decoded = decodeJson(bytes);
  if ('problem' in decoded) throw new ApiError('invalid_input', decoded.problem);
  return decoded.value;
}

function parsed<S extends z.ZodType>(schema: S, value: unknown, root: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [first, ...rest] = schemaProblems(result.error.issues, value, { root, whole: root });
  throw new ApiError(
    'invalid_input',
    first === undefined ? `${root} is not valid` : schemaProblemText([first, ...rest]),
  );
}

function mediaTypeOf(header = ''): string {
  return header.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function digestOf(...parts: readonly ArrayBuffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(new Uint8Array(part)).update('\0');
  return hash.digest('hex');
}

function unsupported(): ApiError {
  const types = [...BY_MEDIA_TYPE.keys(), MULTIPART].join(', ');
  return new ApiError('unsupported_media_type', `unsupported media type: an import is one of ${types}`);
}
