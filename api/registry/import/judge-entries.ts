import type { z } from '@hono/zod-openapi';
import { schemaProblemText } from '../../schema-error-body.ts';
import { schemaProblems } from '../../schema-problems.ts';
import { type ImportedEntry, importedEntrySchema, type importResultSchema } from '../../schemas/registry-import.ts';

/** What became of one entry, as the answer has it. */
export type EntryResult = z.infer<typeof importResultSchema>['entries'][number];

/** An entry of the file: sound, or with the reason why it is not. */
export type JudgedEntry = { entry: ImportedEntry } | { failed: EntryResult };

/** Holds each entry against the rules that hold for a single one; one that is wrong harms no other. */
export function judgeEntries(entries: readonly unknown[]): JudgedEntry[] {
  const seen = new Set<string>();
  return entries.map((value) => {
    const parsed = importedEntrySchema.safeParse(value);
    if (!parsed.success) {
      const [first, ...rest] = schemaProblems(parsed.error.issues, value, { root: '', whole: 'the entry' });
      const reason = first === undefined ? 'is not valid' : schemaProblemText([first, ...rest]);
      return { failed: { ...namesOf(value), result: 'failed', reason } };
    }
    const { id: _, ...entry } = parsed.data;
    const key = JSON.stringify([entry.env, entry.db_name]);
    if (seen.has(key)) return { failed: failedEntry(entry, 'is in the file twice: only the first one counts') };
    seen.add(key);
    return { entry };
  });
}

export function failedEntry(entry: ImportedEntry, reason: string): EntryResult {
  const { env, db_name, hostname, port } = entry;
  return { env, db_name, hostname, port, result: 'failed', reason };
}

/** Longest piece of a name that is repeated. */
const MAX_ECHO = 80;

/** What can be said of an entry that is wrong, so that its owner finds it. */
function namesOf(value: unknown): Pick<EntryResult, 'env' | 'db_name' | 'hostname'> {
  if (typeof value !== 'object' || value === null) return {};
  const entry = value as Record<string, unknown>;
  const names = (['env', 'db_name', 'hostname'] as const).flatMap((name) => {
    const text = entry[name];
    return typeof text === 'string' ? [[name, text.slice(0, MAX_ECHO)]] : [];
  });
  return Object.fromEntries(names);
}
