import type { ObservedDatabase, ObservedObject, ObservedServer } from '../../../../../domain/access/observed.ts';
import { PRIVILEGES, type PrivilegeName } from '../../../../../domain/access/privileges.ts';

/** Rights as a reader of PostgreSQL's manual would work them out, one question at a time, with nothing prepared. */
export function naiveModel(server: ObservedServer, database: ObservedDatabase) {
  const isSuperuser = (role: string) => server.roles.get(role)?.attributes.superuser === true;

  function reaches(option: 'inherit' | 'set', member: string, role: string): boolean {
    if (member === role) return true;
    const inheritsAtAll = server.versionNum >= 160_000 || server.roles.get(member)?.attributes.inherit === true;
    const ownsDatabase = member === database.owner && (option === 'set' || inheritsAtAll);
    if (ownsDatabase && role === 'pg_database_owner') return true;
    return server.memberships.some((row) => row.member === member && row[option] && reaches(option, row.role, role));
  }

  function byPredefined(role: string, { kind }: ObservedObject, privilege: PrivilegeName): boolean {
    const has = (name: string) => server.roles.has(name) && reaches('inherit', role, name);
    const isRelation = kind === 'table' || kind === 'view' || kind === 'foreign_table';
    if (kind === 'schema' && privilege === 'USAGE') return has('pg_read_all_data') || has('pg_write_all_data');
    if (privilege === 'SELECT') return (isRelation || kind === 'sequence') && has('pg_read_all_data');
    if (privilege === 'UPDATE' && kind === 'sequence') return has('pg_write_all_data');
    if (['INSERT', 'UPDATE', 'DELETE'].includes(privilege)) return isRelation && has('pg_write_all_data');
    return privilege === 'MAINTAIN' && isRelation && has('pg_maintain');
  }

  /** Without SET ROLE. */
  function allowed(role: string, object: ObservedObject, privilege: PrivilegeName, column?: string): boolean {
    if (isSuperuser(role)) return true;
    if (byPredefined(role, object, privilege)) return true;
    const lists = [object.acl, column === undefined ? [] : (object.columns?.get(column) ?? [])];
    return lists.flat().some(({ grantee, privileges }) => {
      const isMine = grantee === '' || reaches('inherit', role, grantee);
      return isMine && (privileges & PRIVILEGES[privilege].bit) !== 0;
    });
  }

  const itself: ObservedObject = { kind: 'database', schema: null, ...database };

  /** A login gets into the database. */
  function enters(role: string): boolean {
    const attributes = server.roles.get(role)?.attributes;
    if (attributes?.login !== true || !database.allowConnections) return false;
    return attributes.superuser || (attributes.connectionLimit !== 0 && allowed(role, itself, 'CONNECT'));
  }

  /** As current role, once in the database. */
  function usableInside(role: string, object: ObservedObject, privilege: PrivilegeName, column?: string): boolean {
    const schema = database.contents?.objects.find(({ kind, name }) => kind === 'schema' && name === object.schema);
    const open = object.schema === null || schema === undefined || allowed(role, schema, 'USAGE');
    return open && allowed(role, object, privilege, column);
  }

  const setRoles = (role: string) => [...server.roles.keys()].filter((target) => reaches('set', role, target));

  return { isSuperuser, reaches, allowed, enters, usableInside, setRoles };
}
