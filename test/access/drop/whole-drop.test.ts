import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DropReceipt } from '../../../activities/control/drop-role/prove-dropped.ts';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { type Drops, startDrops } from './support/drops.ts';
import { createEstate, oidOf, traces, value } from './support/estate.ts';

const CASES = testMajors().flatMap((major) => [
  { major, admin: 'superuser' as const },
  { major, admin: 'limited' as const },
]);

describe.each(CASES)(
  'a role with things everywhere, dropped on PostgreSQL $major by a $admin admin',
  ({ major, admin }) => {
    let server: VersionedServer;
    let drops: Drops;
    let oid: number;
    let receipt: DropReceipt;
    const heir = () => `pgst_heir_${oid}`;
    const east = { database: 'leaver_east' };

    beforeAll(async () => {
      server = await startServerOf(major);
      drops = await startDrops(server);
      await createEstate(server);
      oid = await oidOf(server, 'leaver');
      await drops.actAs(admin);
      receipt = await drops.drop('leaver', { reassign_owned: true });
    });
    afterAll(async () => {
      await drops?.stop();
      await server?.stop();
    });

    it('leaves no trace of it in any database', async () => {
      expect(await traces(server, oid)).toEqual([]);
    });

    it('says so in a receipt that names each database', () => {
      expect(receipt).toMatchObject({
        role: 'leaver',
        oid,
        already_gone: false,
        absent: true,
        name_in_use: false,
        login: { refused: true },
      });
      expect(receipt.databases.map(({ database }) => database).toSorted()).toEqual([
        'leaver_east',
        'leaver_west',
        'postgres',
      ]);
      const inEast = receipt.databases.find(({ database }) => database === 'leaver_east');
      expect(inEast).toMatchObject({ heir: heir(), policies: 2, personal: { 'default privileges': 2 } });
      expect(inEast?.reassigned).toMatchObject({ routines: 2, schemas: 1, 'large objects': 1 });
      expect(inEast?.granted_again).toEqual(
        expect.arrayContaining([
          'SELECT on TABLE leaver_app.t to leaver_peer',
          'UPDATE (b) on TABLE leaver_app.t to leaver_peer',
        ]),
      );
    });

    it('gives everything that it owned to an heir that cannot log in, has no rights and is a member of nothing', async () => {
      const owned = await value<string[]>(
        server,
        `SELECT array_agg(pg_describe_object(classid, objid, objsubid) ORDER BY 1) FROM pg_shdepend
       WHERE refobjid = ${await oidOf(server, heir())} AND deptype = 'o'
         AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        east,
      );
      expect(owned.map((text) => text.replace(/^large object .*/, 'large object'))).toEqual(
        expect.arrayContaining([
          'table "leaver own".orders',
          'function leaver_definer()',
          'function "leaver own".f()',
          'type leaver_mood',
          'schema leaver own',
          'large object',
        ]),
      );
      const [role] = await server.query(
        `SELECT rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS able,
         EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) AS member FROM pg_roles r WHERE rolname = '${heir()}'`,
      );
      expect(role).toEqual({ able: false, member: false });
    });

    it('lets a hostile function that it left run with nothing but the rights of the heir', async () => {
      expect(await value(server, 'SELECT public.leaver_definer()', east)).toBe(heir());
    });

    it('takes nothing from those that it had given rights to, nor from those that these had', async () => {
      for (const database of ['leaver_east', 'leaver_west']) {
        const may = await server.query(
          `SELECT r AS role, has_table_privilege(r, 'leaver_app.t', 'SELECT') AS app,
           has_table_privilege(r, '"leaver own".orders', 'SELECT') AS own FROM unnest(ARRAY['leaver_peer', 'leaver_third']) r`,
          { database },
        );
        expect(may).toEqual([
          { role: 'leaver_peer', app: true, own: true },
          { role: 'leaver_third', app: true, own: true },
        ]);
        expect(
          await value(server, `SELECT has_column_privilege('leaver_peer', 'leaver_app.t', 'b', 'UPDATE')`, {
            database,
          }),
        ).toBe(true);
      }
      const members = await server.query(
        `SELECT r AS role, pg_has_role(r, 'leaver_group', 'USAGE') AS member,
         pg_has_role(r, 'leaver_group', 'MEMBER WITH ADMIN OPTION') AS admin FROM unnest(ARRAY['leaver_peer', 'leaver_third']) r`,
      );
      expect(members).toEqual([
        { role: 'leaver_peer', member: true, admin: true },
        { role: 'leaver_third', member: true, admin: false },
      ]);
    });

    it('keeps the policies that name others', async () => {
      const rows = await server.query(`SELECT polname FROM pg_policy ORDER BY 1`, east);
      expect(rows).toEqual([{ polname: 'p' }]);
    });

    it('leaves the admin role with the rights and memberships that it had', async () => {
      const kept = await server.query(
        `SELECT pg_get_userbyid(roleid) AS role, pg_get_userbyid(grantor) AS grantor FROM pg_auth_members
       WHERE member = 'limited_admin'::regrole ORDER BY 1, 2`,
      );
      const implicit = ['leaver_giver', 'leaver_group', 'leaver_member', 'leaver_owner', 'leaver_peer', 'leaver_third'];
      const expected = [
        ...(major >= 16 ? implicit.map((role) => ({ role, grantor: 'postgres' })) : []),
        ...(major >= 16 && admin === 'limited' ? [{ role: heir(), grantor: 'postgres' }] : []),
        { role: 'pg_signal_backend', grantor: 'postgres' },
      ];
      expect(kept).toEqual(expected.toSorted((a, b) => (a.role < b.role ? -1 : 1)));
      expect(await value(server, `SELECT has_schema_privilege('${heir()}', 'public', 'CREATE')`, east)).toBe(
        major < 15,
      );
    });
  },
);
