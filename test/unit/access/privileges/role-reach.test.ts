import { describe, expect, test } from 'vitest';
import { privilegeReach } from '../../../../domain/access/privileges/role-reach.ts';
import { role, server } from './support/server.ts';

function hasOwnersPrivileges(versionNum: number, inherit: boolean): boolean {
  const observed = server({ versionNum, roles: ['owner', 'pg_database_owner'], databases: [] });
  const roles = new Map(observed.roles).set('owner', role('owner', { inherit }));
  return privilegeReach({ ...observed, roles }, 'owner')('owner', 'pg_database_owner');
}

describe('pg_database_owner', () => {
  test('gives its privileges to the owner of the database, before 16 only where that role inherits', () => {
    expect(hasOwnersPrivileges(150_000, true)).toBe(true);
    expect(hasOwnersPrivileges(150_000, false)).toBe(false);
    expect(hasOwnersPrivileges(160_000, false)).toBe(true);
  });

  test('gives nobody anything where the database has another owner', () => {
    const observed = server({ roles: ['owner', 'other', 'pg_database_owner'], databases: [] });
    expect(privilegeReach(observed, 'other')('owner', 'pg_database_owner')).toBe(false);
  });
});
