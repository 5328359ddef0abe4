import type { AclEntry, ObservedObject, ObservedServer } from '../../../../../domain/access/observed.ts';
import { namesOf } from '../../../../../domain/access/privileges.ts';
import { granteeLabel, refLabel } from '../../../../../domain/access/refs.ts';

/** Rights of a server as texts that can be compared: owners, entries with grantors, default privileges. */
export function rightsAsText(observed: ObservedServer, databases: readonly string[]): string[] {
  const lines: string[] = [];
  for (const name of databases) {
    const found = observed.databases.get(name);
    if (found === undefined) throw new Error(`no database ${name}`);
    lines.push(`database ${name} of ${found.owner}`, ...aclAsText(`database ${name}`, found.acl));
    for (const one of found.contents?.objects ?? []) lines.push(...objectAsText(one));
    for (const { creator, schema, on, acl } of found.contents?.defaults ?? []) {
      const row = `default ${on} of ${creator} in ${schema ?? '*'}`;
      lines.push(row, ...aclAsText(row, acl));
    }
  }
  return lines.sort();
}

function objectAsText(object: ObservedObject): string[] {
  const label = refLabel(object);
  const lines = [`${label} of ${object.owner}`, ...aclAsText(label, object.acl)];
  for (const [column, acl] of object.columns ?? []) lines.push(...aclAsText(`${label}.${column}`, acl));
  return lines;
}

function aclAsText(label: string, acl: readonly AclEntry[]): string[] {
  return acl.map(({ grantee, grantor, privileges, grantable }) => {
    const option = grantable === 0 ? '' : ` option ${namesOf(grantable)}`;
    return `${label}: ${granteeLabel(grantee)} has ${namesOf(privileges)}${option} from ${grantor}`;
  });
}
