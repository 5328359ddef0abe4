import { checkDocument } from '../../domain/access/document/check.ts';
import { parseDocument } from '../../domain/access/document/parse.ts';
import { mentionsSettings } from '../../domain/access/scope.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidInput } from '../errors.ts';
import { lookAt, noDatabase } from './look.ts';

/** A document as it was submitted, parsed. */
export type ParsedDocument = Extract<ReturnType<typeof parseDocument>, { ok: true }>;

/**
 * @param prefix path of the part of the document that the caller wrote, such as `roles[0].`: left out of the problems' paths
 * @throws ApiError 400 listing every problem with its path
 */
export function parseSubmitted(submitted: unknown, prefix = ''): ParsedDocument {
  const parsed = parseDocument(submitted);
  if (parsed.ok) return parsed;
  throw invalidInput(
    parsed.problems.map(({ path, message }) => ({
      path: path.startsWith(prefix) ? path.slice(prefix.length) : path,
      message,
    })),
  );
}

/** Checks a document against what is known of the whole server. @throws ApiError 400 listing every problem */
export async function checkOnServer(
  deps: ApiDeps,
  look: { serverName: string; caller: Caller },
  { document }: ParsedDocument,
): Promise<void> {
  const scope = { ...noDatabase, parameters: mentionsSettings(document) };
  const problems = checkDocument(document, await lookAt(deps, look, scope));
  if (problems.length > 0) throw invalidInput(problems);
}
