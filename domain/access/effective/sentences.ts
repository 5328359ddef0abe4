import { listed } from '../../spec/problems.ts';
import type { AccessChange } from '../plan.ts';
import { describeObjects } from '../privileges/describe.ts';
import type { AccessGroup, LoginChange } from './access-groups.ts';
import { ability, columnList, joined, logins } from './words.ts';

/** Logins that one entry names. */
const MAX_LOGINS = 50;

/** Stands for several databases in {@link AccessChange.database}. */
export const SEVERAL_DATABASES = '*';

/** An entry for people; its first logins by name. */
export function toAccessChange(group: AccessGroup): AccessChange {
  const { database, objects, change } = group;
  const { privilege, columns, through } = change;
  const { names } = change.logins;
  const entry: AccessChange = {
    database,
    object: describeObjects(objects),
    privilege: columns.length === 0 ? privilege : `${privilege} ${columnList(columns)}`,
    logins: names.slice(0, MAX_LOGINS),
    through: [...through],
    sentence: sentenceOf(group),
  };
  if (names.length > MAX_LOGINS) entry.moreLogins = names.length - MAX_LOGINS;
  if (change.bySetRole) entry.bySetRole = true;
  return entry;
}

function labelOf({ database, objects }: AccessGroup): string {
  const label = describeObjects(objects);
  return database === SEVERAL_DATABASES ? `${label} (${listed(objects.map(({ name }) => name).toSorted())})` : label;
}

/** Without a full stop. */
function sentenceOf(group: AccessGroup): string {
  const { direction, privilege, columns, logins: who } = group.change;
  const object = labelOf(group);
  const does = privilege === 'ALL' ? `do everything in ${object}` : ability(privilege, object, columns);
  const count = who.names.length;
  const how = howOf(group.change);
  if (direction === 'gained') return `${logins(count, 'more ')} can ${does}${consequence(group)}${how}`;
  return `${logins(count)} can no longer ${does}${consequence(group)}${how}${remainder(group.change)}`;
}

/** What hangs on the right to get in. */
function consequence({ change: { direction, privilege }, objects }: AccessGroup): string {
  const isDoor = privilege === 'CONNECT' || (privilege === 'USAGE' && objects[0]?.kind === 'schema');
  if (!isDoor) return '';
  return direction === 'gained' ? ' and reach there what they have rights on' : ', nor anything in it';
}

function howOf({ direction, through, direct, bySetRole, privilege }: LoginChange): string {
  const soFar = direction === 'gained' ? '' : 'so far ';
  if (bySetRole) return `, ${direction === 'gained' ? 'but ' : soFar}only after SET ROLE ${listed(through)}`;
  if (privilege === 'ALL') return `, ${soFar}as superuser`;
  const groups = through.filter((name) => name !== 'PUBLIC' && name !== 'ownership');
  const parts: string[] = [];
  if (groups.length > 0) parts.push(`through ${groups.length === 1 ? 'group' : 'groups'} ${listed(groups)}`);
  if (through.includes('PUBLIC')) parts.push('through PUBLIC');
  if (through.includes('ownership')) parts.push('as owner');
  if (direct) parts.push('by a direct grant');
  return parts.length === 0 ? '' : `, ${soFar}${joined(parts)}`;
}

function remainder({ staysBySetRole, columnsKept }: LoginChange): string {
  const parts: string[] = [];
  if (columnsKept.length > 0) parts.push(`columns ${columnList(columnsKept)} stay`);
  if (staysBySetRole) parts.push('SET ROLE still leads there');
  return parts.map((part) => `; ${part}`).join('');
}
