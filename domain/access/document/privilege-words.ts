import { type Problem, quoted } from '../../spec/problems.ts';
import { COLUMN_PRIVILEGES, OBJECT_KINDS, type ObjectKind } from '../objects.ts';
import { isPrivilegeName, type PrivilegeName } from '../privileges.ts';

const SYNONYMS: ReadonlyMap<string, PrivilegeName | 'ALL'> = new Map([
  ['TEMP', 'TEMPORARY'],
  ['ALL', 'ALL'],
  ['ALL PRIVILEGES', 'ALL'],
]);

/** A kind of object for people, with article: `a foreign table`. */
export function aKind(kind: ObjectKind): string {
  return `a ${kind.replaceAll('_', ' ')}`;
}

/** What a kind has on some version of the server, or what can be granted on its columns. */
export function possiblePrivileges(kind: ObjectKind, onColumns: boolean): readonly PrivilegeName[] {
  return onColumns ? COLUMN_PRIVILEGES : (Object.keys(OBJECT_KINDS[kind].privileges) as PrivilegeName[]);
}

/**
 * Privileges as they were submitted: a list, or the word for all of them.
 * @param of.kind undefined where the kind is wrong itself: then only the words are judged
 */
export function readPrivileges(
  submitted: string | readonly (string | undefined)[] | undefined,
  of: { kind: ObjectKind | undefined; onColumns: boolean; at: string },
  problems: Problem[],
): PrivilegeName[] | 'ALL' {
  if (typeof submitted === 'string') {
    if (wordOf(submitted) === 'ALL') return 'ALL';
    problems.push({ path: of.at, message: 'must be a list of privileges, or "ALL"' });
    return [];
  }
  const list = submitted ?? [];
  if (list.length === 1 && wordOf(list[0]) === 'ALL') return 'ALL';
  const privileges = new Set<PrivilegeName>();
  for (const [index, text] of list.entries()) {
    if (text === undefined) continue;
    const word = wordOf(text);
    const message = word === undefined ? `${quoted(text)} is no privilege` : wordProblem(word, of);
    if (message !== undefined) problems.push({ path: `${of.at}[${index}]`, message });
    else if (word !== undefined && word !== 'ALL') privileges.add(word);
  }
  return [...privileges];
}

function wordProblem(
  word: PrivilegeName | 'ALL',
  { kind, onColumns }: { kind: ObjectKind | undefined; onColumns: boolean },
): string | undefined {
  if (word === 'ALL') return 'ALL stands alone';
  if (kind === undefined) return undefined;
  if (!possiblePrivileges(kind, false).includes(word)) {
    return `${aKind(kind)} has no privilege ${word}; it has ${possiblePrivileges(kind, false).join(', ')}`;
  }
  if (possiblePrivileges(kind, onColumns).includes(word)) return undefined;
  return `columns have no privilege ${word}; they have ${COLUMN_PRIVILEGES.join(', ')}`;
}

function wordOf(text: string | undefined): PrivilegeName | 'ALL' | undefined {
  // Only ASCII letters: upper-casing turns some others, such as the dotless i, into ASCII ones.
  if (text === undefined || !/^[A-Za-z\s]+$/.test(text)) return undefined;
  const word = text.trim().toUpperCase().replace(/\s+/g, ' ');
  return SYNONYMS.get(word) ?? (isPrivilegeName(word) ? word : undefined);
}
