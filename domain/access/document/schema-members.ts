/** Members that several parts of an access document share. */
import { z } from 'zod';
import { POSTGRES_NAME_MAX_BYTES } from '../../identifiers.ts';
import { byteLength } from '../../spec/text.ts';

/** Most entries of any list of a document. A request is limited to 768 KiB besides. */
export const MAX_ENTRIES = 20_000;

/** Names and argument types of a routine, which has at most 100 arguments (FUNC_MAX_ARGS). */
const ROUTINE_MAX_BYTES = 16_384;

/** Why a text cannot name anything on a server; unlike for names that are to be created, control characters may occur. */
function textProblem(text: string, maxBytes: number): string | undefined {
  if (text === '') return 'must not be empty';
  if (isLongerThan(text, maxBytes)) return `must not exceed ${maxBytes} bytes`;
  return storableProblem(text);
}

/** Whether a text is longer in UTF-8; no unit of a JavaScript string becomes more than three bytes. */
export function isLongerThan(text: string, maxBytes: number): boolean {
  return text.length * 3 > maxBytes && byteLength(text) > maxBytes;
}

/** Why PostgreSQL cannot hold a text. */
function storableProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'must not contain the character NUL';
  return /\p{Cs}/u.test(text) ? 'must be valid Unicode text' : undefined;
}

/** A string that has no problem. The problem's text never holds the string itself. */
function checkedText(problem: (text: string) => string | undefined) {
  return z.string().superRefine((text, context) => {
    const message = problem(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });
}

function name(problem?: (text: string) => string | undefined) {
  return checkedText((text) => textProblem(text, POSTGRES_NAME_MAX_BYTES) ?? problem?.(text)).meta({
    minLength: 1,
    maxLength: POSTGRES_NAME_MAX_BYTES,
  });
}

/** True for PUBLIC in any letter case. */
export function isPublic(grantee: string): boolean {
  return /^public$/i.test(grantee);
}

export const roleName = name((text) => (isPublic(text) ? 'must be a role: PUBLIC is everyone' : undefined)).describe(
  'Name of a role, exactly as the server has it: not folded to lower case, no quotes, at most 63 bytes.',
);

export const granteeName = name().describe('Name of a role, or `PUBLIC` for everyone.');

export const databaseName = name().describe('Name of a database, exactly as the server has it.');

export const plainName = name();

/** Name of an object, with argument types where it is a routine. Names of other kinds are limited where the kind is known. */
export const objectName = checkedText((text) => textProblem(text, ROUTINE_MAX_BYTES));

/** Text that is stored as it is. */
export function storedText(maxLength: number) {
  return checkedText(storableProblem).max(maxLength);
}

/** A list that may be empty. */
export function list<T extends z.ZodType>(entry: T) {
  return z.array(entry).max(MAX_ENTRIES);
}

/** A list with at least one entry. */
export function nonEmptyList<T extends z.ZodType>(entry: T) {
  return list(entry).min(1);
}

export const flag = z.boolean();
