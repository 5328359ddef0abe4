import { splitGucList } from '../access/roles/guc-list.ts';
import { nameProblem } from '../spec/text.ts';
import { quoteIdentifier } from '../sql/quote.ts';

/** What may stand without quotes; letter case is kept, as it is for users. */
const BARE = /^[\p{L}_$][\p{L}\p{M}\p{N}_$-]*$/u;
/** Longest list that is taken. */
const MAX_SCHEMAS = 50;

/** Reads one schema, or several separated by commas, in double quotes where they are not plain names. */
export function parseSearchPath(text: string): { schemas: string[] } | { problem: string } {
  const schemas = splitGucList(text);
  if (schemas === undefined || schemas.length > MAX_SCHEMAS) return { problem: NO_LIST };
  for (const name of schemas) {
    const problem = nameProblem(name);
    if (problem !== undefined) return { problem };
    if (!BARE.test(name) && !text.includes(quoteIdentifier(name))) return { problem: NO_LIST };
  }
  return { schemas };
}

const NO_LIST = `must be names of schemas, ${MAX_SCHEMAS} at most, separated by commas, in double quotes where they are not plain names`;

/** As the role engine takes it: every element in double quotes. */
export function searchPathValue(schemas: readonly string[]): string {
  return schemas.map(quoteIdentifier).join(', ');
}
