import { expect, test } from 'vitest';
import { type AclEntry, builtinAcl, PUBLIC } from '../../../domain/access/observed.ts';
import { namesOf } from '../../../domain/access/privileges.ts';
import { inspectCluster } from '../../../platform/target/catalog/cluster.ts';
import { ACL_LETTERS } from '../../../platform/target/catalog/cluster-sql.ts';
import { onEachMajor } from './on-each-major.ts';

/** As `aclexplode` lists them. */
function exploded(acl: readonly AclEntry[]): string[] {
  return acl
    .flatMap(({ grantee, grantor, privileges, grantable }) =>
      namesOf(privileges).map((name) => `${grantee} ${name} ${grantor} ${namesOf(grantable).includes(name)}`),
    )
    .sort();
}

onEachMajor('state of a server', (server, major) => {
  test('a role is read with all that it was created with', async () => {
    await server().query(`
      CREATE ROLE "Odd, role=""1""" LOGIN CREATEDB CREATEROLE NOINHERIT REPLICATION BYPASSRLS CONNECTION LIMIT 7;
      COMMENT ON ROLE "Odd, role=""1""" IS 'what''s "that"';
      CREATE ROLE plain`);
    const { roles } = await server().cluster();
    expect(roles.get('Odd, role="1"')).toMatchObject({
      name: 'Odd, role="1"',
      comment: `what's "that"`,
      password: 'none',
      attributes: {
        ...{ login: true, superuser: false, createdb: true, createrole: true, inherit: false, replication: true },
        ...{ bypassrls: true, connectionLimit: 7, validUntil: 'infinity' },
      },
    });
    expect(roles.get('plain')).toMatchObject({
      comment: null,
      attributes: { login: false, inherit: true, connectionLimit: -1 },
    });
    expect(roles.get('postgres')?.attributes.superuser).toBe(true);
    expect(roles.has('pg_monitor')).toBe(true);
    const [row] = await server().query<{ oid: number }>(`SELECT oid FROM pg_roles WHERE rolname = 'plain'`);
    expect(roles.get('plain')?.oid).toBe(row?.oid);
  });

  test('the end of a password is UTC whatever the session says', async () => {
    await server().query(`
      CREATE ROLE until_second VALID UNTIL '2030-06-01 03:04:05+02';
      CREATE ROLE until_microsecond VALID UNTIL '2030-06-01 03:04:05.678901+02';
      CREATE ROLE until_forever VALID UNTIL 'infinity';
      CREATE ROLE until_never VALID UNTIL '-infinity'`);
    const client = await server().session();
    await client.query(`SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'SQL, DMY'`);
    const { roles } = await inspectCluster(client, { serverName: 'host-1' });
    const until = (name: string) => roles.get(name)?.attributes.validUntil;
    expect(until('until_second')).toBe('2030-06-01T01:04:05Z');
    expect(until('until_microsecond')).toBe('2030-06-01T01:04:05.678901Z');
    expect(until('until_forever')).toBe('infinity');
    expect(until('until_never')).toBe('-infinity');
  });

  test('a superuser learns how passwords are stored, never the verifier; others learn nothing', async () => {
    await server().query(`
      CREATE ROLE with_scram PASSWORD 'one';
      SET password_encryption = 'md5'; CREATE ROLE with_md5 PASSWORD 'two'; RESET password_encryption`);
    const stored = await server().query<{ verifier: string }>(
      `SELECT rolpassword AS verifier FROM pg_authid WHERE rolname IN ('with_scram', 'with_md5')`,
    );
    const seen = await server().cluster();
    const limited = await server().cluster({ as: 'limited' });
    const kinds = ['with_scram', 'with_md5', 'pg_monitor'].map((name) => seen.roles.get(name)?.password);
    expect(kinds).toEqual(['scram', 'md5', 'none']);
    expect(new Set([...limited.roles.values()].map(({ password }) => password))).toEqual(new Set(['unknown']));
    const text = JSON.stringify([...seen.roles.values()]);
    expect(stored).toHaveLength(2);
    for (const { verifier } of stored) expect(text).not.toContain(verifier);
  });

  test('whoever was granted SELECT on pg_authid learns it, too', async () => {
    await server().query('GRANT SELECT ON pg_authid TO limited_admin');
    const { roles } = await server().cluster({ as: 'limited' });
    await server().query('REVOKE SELECT ON pg_authid FROM limited_admin');
    expect(roles.get('limited_admin')?.password).toBe('scram');
  });

  test('apart from passwords and hidden parameters a limited admin reads what a superuser reads', async () => {
    const seen = await server().cluster();
    const limited = await server().cluster({ as: 'limited' });
    const withoutPasswords = [...seen.roles.values()].map((role) => ({ ...role, password: 'unknown' }));
    expect([...limited.roles.values()].sort((a, b) => a.oid - b.oid)).toEqual(
      withoutPasswords.sort((a, b) => a.oid - b.oid),
    );
    expect(limited.databases).toEqual(seen.databases);
    expect(limited.builtinAcls).toEqual(seen.builtinAcls);
    for (const [name, info] of limited.parameters) expect(seen.parameters.get(name)).toEqual(info);
    expect(seen.admin).toMatchObject({ name: 'postgres', superuser: true, createrole: true, createdb: true });
    expect(limited.admin).toEqual({
      name: 'limited_admin',
      ...{ superuser: false, createrole: true, createdb: true, replication: false, bypassrls: false },
    });
    expect(Math.floor(seen.versionNum / 10_000)).toBe(major);
  });

  if (major >= 16) {
    test('a membership has one row for each grantor, with its options', async () => {
      await server().query(`
      CREATE ROLE team; CREATE ROLE lead; CREATE ROLE worker;
      GRANT team TO lead WITH ADMIN TRUE, INHERIT FALSE, SET TRUE;
      GRANT team TO worker WITH INHERIT TRUE, SET FALSE;
      GRANT team TO worker WITH INHERIT FALSE, SET TRUE GRANTED BY lead`);
      const { memberships } = await server().cluster();
      const row = { role: 'team', member: 'worker', admin: false };
      expect(memberships.filter(({ role }) => role === 'team')).toHaveLength(3);
      expect(memberships).toEqual(
        expect.arrayContaining([
          { role: 'team', member: 'lead', grantor: 'postgres', admin: true, inherit: false, set: true },
          { ...row, grantor: 'postgres', inherit: true, set: false },
          { ...row, grantor: 'lead', inherit: false, set: true },
        ]),
      );
    });
  } else {
    test('a membership inherits as its member does', async () => {
      await server().query(`
      CREATE ROLE team; CREATE ROLE lead NOINHERIT; CREATE ROLE worker;
      GRANT team TO lead WITH ADMIN OPTION; GRANT team TO worker`);
      const { memberships } = await server().cluster();
      expect(memberships.filter(({ role }) => role === 'team')).toEqual(
        expect.arrayContaining([
          { role: 'team', member: 'lead', grantor: 'postgres', admin: true, inherit: false, set: true },
          { role: 'team', member: 'worker', grantor: 'postgres', admin: false, inherit: true, set: true },
        ]),
      );
    });
  }

  test('settings are split at the first equals sign, per role and per database', async () => {
    await server().query(`
      CREATE ROLE tuned;
      ALTER ROLE tuned SET search_path = 'a=b', 'C, d';
      ALTER ROLE tuned SET application_name = 'x=y=z';
      ALTER ROLE tuned IN DATABASE template1 SET work_mem = '8MB';
      ALTER DATABASE postgres SET work_mem = '9MB'`);
    const { settings } = await server().cluster();
    await server().query('ALTER DATABASE postgres RESET work_mem');
    expect(settings.filter(({ role }) => role === 'tuned')).toHaveLength(3);
    expect(settings).toEqual(
      expect.arrayContaining([
        { role: 'tuned', database: null, name: 'search_path', value: '"a=b", "C, d"' },
        { role: 'tuned', database: null, name: 'application_name', value: 'x=y=z' },
        { role: 'tuned', database: 'template1', name: 'work_mem', value: '8MB' },
      ]),
    );
    expect(settings.filter(({ value }) => value === '9MB')).toEqual([]);
  });

  test('a database without a list of its own has the built-in one of its owner', async () => {
    await server().query('CREATE ROLE landlord');
    await server().query('CREATE DATABASE "Untouched" OWNER landlord');
    await server().query('CREATE DATABASE touched OWNER landlord');
    await server().query('REVOKE ALL ON DATABASE touched FROM PUBLIC; GRANT CONNECT ON DATABASE touched TO pg_monitor');
    const { databases } = await server().cluster();
    const [untouched, touched] = [databases.get('Untouched'), databases.get('touched')];
    expect(untouched).toMatchObject({ owner: 'landlord', allowConnections: true, isTemplate: false });
    expect(exploded(untouched?.acl ?? [])).toEqual([
      `${PUBLIC} CONNECT landlord false`,
      `${PUBLIC} TEMPORARY landlord false`,
      'landlord CONNECT landlord false',
      'landlord CREATE landlord false',
      'landlord TEMPORARY landlord false',
    ]);
    expect(touched?.acl.map(({ grantee }) => grantee)).toEqual(['landlord', 'pg_monitor']);
    expect(databases.get('template0')).toMatchObject({ allowConnections: false, isTemplate: true });
  });

  test('a database whose DROP was interrupted takes no connections', async () => {
    await server().query('CREATE DATABASE half_dropped');
    await server().query(`UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half_dropped'`);
    const { databases } = await server().cluster();
    expect(databases.get('half_dropped')?.allowConnections).toBe(false);
  });

  test('built-in lists are those of the server for any owner', async () => {
    await server().query('CREATE ROLE "some owner"');
    const cluster = await server().cluster();
    expect([...cluster.builtinAcls.keys()].sort()).toEqual([...ACL_LETTERS].sort());
    const rows = await server().query<{ letter: string; entries: string[] | null }>(`
      SELECT letter, (
        SELECT array_agg(concat_ws(' ', CASE WHEN grantee = 0 THEN '' ELSE pg_get_userbyid(grantee) END,
          privilege_type, pg_get_userbyid(grantor), is_grantable::text))
        FROM aclexplode(acldefault(letter::"char", (SELECT oid FROM pg_roles WHERE rolname = 'some owner')))) AS entries
      FROM unnest('{${ACL_LETTERS.join(',')}}'::text[]) AS letter`);
    expect(rows).toHaveLength(ACL_LETTERS.length);
    for (const { letter, entries } of rows) {
      expect(exploded(builtinAcl(cluster, letter, 'some owner'))).toEqual((entries ?? []).sort());
    }
  });

  test('parameters have their context, and lists that the server quotes are known as such', async () => {
    const { parameters } = await server().cluster();
    expect(parameters.get('work_mem')).toEqual({ context: 'user', isQuotedList: false });
    expect(parameters.get('log_statement')?.context).toBe('superuser');
    expect(parameters.get('timezone')?.context).toBe('user');
    // Stored with quotes where the server has GUC_LIST_QUOTE, and as one text where it has not.
    await server().query(`
      CREATE ROLE lists;
      ALTER ROLE lists SET search_path = 'A b', c; ALTER ROLE lists SET temp_tablespaces = 'A b', c;
      ALTER ROLE lists SET local_preload_libraries = 'A b', c; ALTER ROLE lists SET session_preload_libraries = 'A b', c;
      ALTER ROLE lists SET datestyle = 'ISO', 'MDY'`);
    const { settings } = await server().cluster();
    const own = settings.filter(({ role }) => role === 'lists');
    expect(own).toHaveLength(5);
    for (const { name, value } of own) {
      expect(`${name} ${parameters.get(name.toLowerCase())?.isQuotedList}`).toBe(`${name} ${value.includes('"A b"')}`);
    }
  });

  test('parameters granted to the admin, directly or through a group, are listed', async () => {
    if (major >= 15) {
      await server().query(`
        CREATE ROLE tuners; CREATE ROLE stranger; GRANT tuners TO limited_admin;
        GRANT SET ON PARAMETER log_min_messages TO limited_admin;
        GRANT SET ON PARAMETER log_statement TO tuners;
        GRANT SET ON PARAMETER log_duration TO stranger;
        GRANT ALTER SYSTEM ON PARAMETER log_connections TO limited_admin`);
    }
    const { grantedParameters } = await server().cluster({ as: 'limited' });
    expect([...grantedParameters].sort()).toEqual(major >= 15 ? ['log_min_messages', 'log_statement'] : []);
  });

  test('with roles given, what touches them and what they are in is read, and nothing else', async () => {
    await server().query(`
      CREATE ROLE wanted; CREATE ROLE upper; CREATE ROLE lower; CREATE ROLE aside;
      GRANT upper TO wanted; GRANT wanted TO lower; GRANT upper TO aside;
      ALTER ROLE wanted SET work_mem = '1MB'; ALTER ROLE aside SET work_mem = '2MB';
      COMMENT ON ROLE wanted IS 'mine'`);
    for (const as of ['superuser', 'limited'] as const) {
      const all = await server().cluster({ as });
      const some = await inspectCluster(await server().session({ as }), {
        serverName: 'host-1',
        roles: ['wanted', 'nobody'],
      });
      const { roles, memberships, settings, ...rest } = some;
      const reached = new Set(['wanted', all.admin.name, 'postgres']);
      // A set takes in what is added while it is walked.
      for (const name of reached) {
        for (const { role, member } of all.memberships) if (member === name) reached.add(role);
      }
      expect(reached.has('upper') && !reached.has('lower')).toBe(true);
      expect([...roles.keys()].filter((name) => !name.startsWith('pg_')).toSorted()).toEqual(
        [...reached].filter((name) => !name.startsWith('pg_')).toSorted(),
      );
      expect(roles.get('wanted')).toEqual(all.roles.get('wanted'));
      const touching = all.memberships.filter(({ member }) => reached.has(member));
      expect(touching).toEqual(expect.arrayContaining([expect.objectContaining({ role: 'upper', member: 'wanted' })]));
      expect(memberships).toHaveLength(touching.length);
      expect(memberships).toEqual(expect.arrayContaining(touching));
      expect(settings).toEqual([{ role: 'wanted', database: null, name: 'work_mem', value: '1MB' }]);
      const withMembers = await inspectCluster(await server().session({ as }), {
        serverName: 'host-1',
        roles: ['wanted'],
        groups: ['wanted'],
        parameters: false,
      });
      expect(withMembers.memberships).toContainEqual(expect.objectContaining({ role: 'wanted', member: 'lower' }));
      expect(withMembers.parameters.size).toBe(0);
      const { roles: _roles, memberships: _memberships, settings: _settings, ...allRest } = all;
      expect(rest).toEqual(allRest);
    }
  });

  test('with no roles given, only those who grant are read', async () => {
    const cluster = await inspectCluster(await server().session(), { serverName: 'host-1', roles: [] });
    expect([...cluster.roles.keys()]).toEqual(['postgres']);
    expect(cluster.settings).toEqual([]);
    expect(cluster.databases.has('postgres')).toBe(true);
  });
});
