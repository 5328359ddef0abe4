import type { AclEntry } from '../../../domain/access/observed.ts';
import { bitOfLetter } from '../../../domain/access/privileges.ts';

/** Reads access control lists as the server writes them with `array_to_string(acl, ',')`. */
export interface AclReader {
  /** The list's entries. Lists and entries are shared between equal texts, and frozen for that reason. */
  read(text: string): readonly AclEntry[];
  /** The same string, one copy for all: thousands of objects name few roles and schemas. */
  intern(name: string): string;
}

/**
 * A reader that takes each text apart once. For one server, and not kept: role names come and go.
 */
export function createAclReader(): AclReader {
  const names = new Map<string, string>();
  const entries = new Map<string, AclEntry>();
  const lists = new Map<string, readonly AclEntry[]>();

  function intern(name: string): string {
    const known = names.get(name);
    if (known !== undefined) return known;
    // A slice keeps the whole text that it was cut from in memory; this is a copy.
    const copy = Buffer.from(name).toString();
    names.set(copy, copy);
    return copy;
  }

  function readEntry(item: string): AclEntry {
    const known = entries.get(item);
    if (known !== undefined) return known;
    const { grantee, grantor, ...masks } = parseItem(item);
    const entry = Object.freeze({ grantee: intern(grantee), grantor: intern(grantor), ...masks });
    entries.set(item, entry);
    return entry;
  }

  return {
    intern,
    read(text) {
      const known = lists.get(text);
      if (known !== undefined) return known;
      const list = Object.freeze(splitItems(text).map(readEntry));
      lists.set(text, list);
      return list;
    },
  };
}

/** Items of a list; commas within quoted names do not count. */
function splitItems(text: string): string[] {
  if (text === '') return [];
  if (!text.includes('"')) return text.split(',');
  const items: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    // A doubled quote ends a quotation and begins the next one: no case of its own.
    if (text[at] === '"') quoted = !quoted;
    else if (text[at] === ',' && !quoted) {
      items.push(text.slice(start, at));
      start = at + 1;
    }
  }
  items.push(text.slice(start));
  return items;
}

/**
 * One `aclitem`: `grantee=letters/grantor`, a `*` after a letter for the grant option, no grantee for PUBLIC (`aclitemout` in
 * src/backend/utils/adt/acl.c). Letters of later servers are left out.
 * @throws Error for anything else.
 */
function parseItem(item: string): AclEntry {
  const grantee = readName(item, 0, '=');
  const slash = item.indexOf('/', grantee.end);
  if (item[grantee.end] !== '=' || slash < 0) throw new Error(`not an access control list item: ${item}`);
  const grantor = readName(item, slash + 1, '');
  let privileges = 0;
  let grantable = 0;
  for (let at = grantee.end + 1; at < slash; at += 1) {
    const bit = bitOfLetter(item.charAt(at));
    privileges |= bit;
    if (item[at + 1] === '*') {
      grantable |= bit;
      at += 1;
    }
  }
  return { grantee: grantee.name, grantor: grantor.name, privileges, grantable };
}

/**
 * A role name as `putid` writes it (same file): in double quotes, with inner ones doubled, unless it is of letters, digits
 * and underscores. An unquoted one ends before `terminator`, or at the end.
 */
function readName(item: string, from: number, terminator: string): { name: string; end: number } {
  if (item[from] !== '"') {
    const end = terminator === '' ? item.length : item.indexOf(terminator, from);
    return { name: item.slice(from, end), end };
  }
  let end = from + 1;
  while (end < item.length && (item[end] !== '"' || item[end + 1] === '"')) end += item[end] === '"' ? 2 : 1;
  return { name: item.slice(from + 1, end).replaceAll('""', '"'), end: end + 1 };
}
