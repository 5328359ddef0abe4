import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountRole } from '../../domain/clusters/role-names.ts';
import { startServerOf, type VersionedServer } from '../support/versions.ts';
import { attempts, type Cluster, type Clusters, loginWith, startClusters } from './support/roles.ts';

const NEVER_MADE = `u_${'a'.repeat(26)}`;

describe('roles of a cluster', () => {
  let clusters: Clusters;
  let server: VersionedServer;
  let cluster: Cluster;

  beforeAll(async () => {
    [clusters, server] = await Promise.all([startClusters(), startServerOf(18)]);
    cluster = await clusters.add(server);
  }, 180_000);

  afterAll(async () => {
    await clusters.stop();
    await server.stop();
  }, 60_000);

  it('POST makes the role of the account that asks, read-only unless the team says otherwise, and shows what logs in', async () => {
    const { member, path } = cluster;
    const { status, body } = await member.call('POST', path, {});
    expect({ status, body }).toEqual({
      status: 201,
      body: {
        account_email: null,
        account_id: member.role.slice(2),
        cluster_id: cluster.id,
        flavor: 'read',
        name: member.role,
        password: expect.stringMatching(/^[A-Za-z0-9]{64}$/),
        team_id: expect.stringMatching(/^[a-z2-7]{25}[aeimquy4]$/),
        uri: `postgres://${member.role}:${body.password}@127.0.0.1:${server.address.endpoints[0]?.port}/postgres`,
      },
    });
    expect(await attempts(server, body.uri, ['SELECT 1'])).toEqual(['ok']);
  });

  it('POST again succeeds and leaves password and sessions alone, whatever the body', async () => {
    const { member, path } = cluster;
    const first = await member.call('POST', path, {});
    const session = await loginWith(server, first.body.uri);
    for (const init of [{}, { body: '{}' }, { body: '{}', headers: { 'content-type': 'text/plain' } }]) {
      const again = await member.request(path, { method: 'POST', ...init });
      expect(again.status).toBe(201);
      expect(await again.json()).toEqual(first.body);
    }
    await session.query('SELECT 1');
    await session.end();
  });

  it('GET shows a role with its password; "user" is that of the account that asks', async () => {
    const { member, path } = cluster;
    const { body: mine } = await member.call('POST', path);
    for (const name of ['user', member.role]) {
      expect(await member.call('GET', `${path}/${name}`)).toMatchObject({ status: 200, body: mine });
    }
  });

  it('PUT makes a role or changes it, answers 201 for both, and null is as if a member was left out', async () => {
    const { path } = cluster;
    const someone = await cluster.addMember();
    const first = await someone.call('PUT', `${path}/${someone.role}`, { flavor: null, rotate_password: null });
    expect(first).toMatchObject({ status: 201, body: { name: someone.role, flavor: 'read' } });
    for (const body of [undefined, {}, { flavor: null, rotate_password: false }, { flavor: 'read' }]) {
      expect(await someone.call('PUT', `${path}/user`, body)).toMatchObject({ status: 201, body: first.body });
    }
    const writing = await someone.call('PUT', `${path}/user`, { flavor: 'write', rotate_password: null });
    expect(writing).toMatchObject({ status: 201, body: { ...first.body, flavor: 'write' } });
    const kept = await someone.call('PUT', `${path}/user`, { flavor: null });
    expect(kept.body).toEqual(writing.body);
  });

  it('rotate_password gives a new password at once, and the old one is refused; sessions go on', async () => {
    const { path } = cluster;
    const someone = await cluster.addMember();
    const before = (await someone.call('POST', path)).body;
    const session = await loginWith(server, before.uri);
    const after = await someone.call('PUT', `${path}/user`, { rotate_password: true });
    expect(after.status).toBe(201);
    expect(after.body).toMatchObject({ password: expect.stringMatching(/^[A-Za-z0-9]{64}$/), flavor: 'read' });
    expect(after.body.password).not.toBe(before.password);
    expect((await someone.call('GET', `${path}/user`)).body).toEqual(after.body);
    await expect(loginWith(server, before.uri)).rejects.toMatchObject({ code: '28P01' });
    expect(await attempts(server, after.body.uri, ['SELECT 1'])).toEqual(['ok']);
    await session.query('SELECT 1');
    await session.end();
    const again = await someone.call('PUT', `${path}/user`, { rotate_password: true });
    expect(again.body.password).not.toBe(after.body.password);
  });

  it('DELETE answers with the role without its password; again is 410, one that never was 404, and POST makes it anew', async () => {
    const { path } = cluster;
    const someone = await cluster.addMember();
    const before = (await someone.call('POST', path)).body;
    expect(await someone.call('DELETE', `${path}/${someone.role}`)).toMatchObject({
      status: 200,
      body: { ...before, password: null, uri: null },
    });
    expect(await server.query(`SELECT FROM pg_roles WHERE rolname = '${someone.role}'`)).toEqual([]);
    expect((await someone.call('DELETE', `${path}/user`)).status).toBe(410);
    expect((await someone.call('GET', `${path}/user`)).status).toBe(410);
    const other = await cluster.addMember();
    expect((await other.call('DELETE', `${path}/user`)).status).toBe(404);
    expect((await other.call('GET', `${path}/user`)).status).toBe(404);
    const anew = await someone.call('POST', path);
    expect(anew.status).toBe(201);
    expect(anew.body.password).not.toBe(before.password);
    expect(await attempts(server, anew.body.uri, ['SELECT 1'])).toEqual(['ok']);
  });

  it('a credential of an account is for that account alone; admins of the team rotate and delete it unseen', async () => {
    const { path, admin, manager } = cluster;
    const someone = await cluster.addMember();
    const before = (await someone.call('POST', path)).body;
    const other = `${path}/${someone.role}`;
    expect((await admin.call('GET', other)).status).toBe(403);
    for (const method of ['GET', 'PUT', 'DELETE']) {
      expect((await manager.call(method, other)).status).toBe(403);
      expect((await cluster.member.call(method, other)).status).toBe(403);
    }
    const rotated = await admin.call('PUT', other, { rotate_password: true });
    expect(rotated).toMatchObject({ status: 201, body: { ...before, password: null, uri: null } });
    const after = (await someone.call('GET', other)).body;
    expect(after.password).not.toBe(before.password);
    expect(await attempts(server, after.uri, ['SELECT 1'])).toEqual(['ok']);
    expect((await admin.call('DELETE', other)).status).toBe(200);
    expect((await admin.call('PUT', `${path}/${NEVER_MADE}`, {})).status).toBe(404);
    expect((await admin.call('DELETE', `${path}/${NEVER_MADE}`)).status).toBe(404);
  });

  it('who is in no team of the cluster sees the same as for a cluster that is not there', async () => {
    const { outsider, path } = cluster;
    const elsewhere = `/clusters/${'a'.repeat(26)}/roles`;
    for (const [method, below] of [
      ['GET', ''],
      ['POST', ''],
      ['GET', '/user'],
      ['PUT', '/user'],
      ['DELETE', '/user'],
    ] as const) {
      const [there, nowhere] = [
        await outsider.call(method, path + below),
        await outsider.call(method, elsewhere + below),
      ];
      expect(there.status).toBe(404);
      expect(there.body).toEqual({ ...nowhere.body, request_id: there.body.request_id });
    }
  });

  it('a name or body that means nothing is 400', async () => {
    const { admin, path } = cluster;
    const names = [
      'nobody',
      admin.role.slice(2),
      'u_',
      `${admin.role}a`,
      'u_rvf73a77ozfsvcttryebfrnlen',
      'USER',
      'u_01890189018901890189018901',
    ];
    for (const name of names) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        expect([name, method, (await admin.call(method, `${path}/${name}`)).status]).toEqual([name, method, 400]);
      }
    }
    expect((await admin.call('PUT', `${path}/default`, {})).status).toBe(400);
    for (const body of [
      '[]',
      '"read"',
      'null',
      '{',
      { flavor: 'admin' },
      { flavor: 1 },
      { rotate_password: 'yes' },
      { rotate_password: 1 },
    ]) {
      const { status, body: answer } = await admin.call('PUT', `${path}/user`, body);
      expect([body, status, typeof answer.message]).toEqual([body, 400, 'string']);
    }
    for (const query of ['limit=0', 'limit=201', 'order=up', 'order_field=flavor', 'cursor=x', 'account_id=x']) {
      expect([query, (await admin.call('GET', `${path}?${query}`)).status]).toEqual([query, 400]);
    }
  });

  it('application is for admins and managers, writes, and is no superuser', async () => {
    const { admin, manager, member, path } = cluster;
    expect((await member.call('GET', `${path}/application`)).status).toBe(403);
    expect((await member.call('PUT', `${path}/application`)).status).toBe(403);
    const made = await manager.call('PUT', `${path}/application`, {});
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'application', flavor: 'write', account_id: null, account_email: null },
    });
    expect((await admin.call('GET', `${path}/application`)).body).toEqual(made.body);
    const [role] = await server.query(
      `SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = 'application'`,
    );
    expect(Object.values(role ?? {})).toEqual([false, false, false, false, false]);
  });

  it('a role that somebody else made is a conflict until an admin of the team takes it over with a new password', async () => {
    const { admin, manager, path } = cluster;
    // The superuser that this server was made with.
    expect(await admin.call('GET', `${path}/postgres`)).toMatchObject({ status: 409 });
    expect(await admin.call('PUT', `${path}/postgres`, {})).toMatchObject({ status: 409 });
    expect((await manager.call('PUT', `${path}/postgres`, { rotate_password: true })).status).toBe(403);
    const someone = await cluster.addMember();
    await server.query(`CREATE ROLE "${someone.role}" LOGIN CREATEROLE CREATEDB PASSWORD 'by hand'`);
    expect((await someone.call('POST', path)).status).toBe(409);
    expect((await someone.call('PUT', `${path}/user`, { rotate_password: true })).status).toBe(409);
    expect((await someone.call('GET', `${path}/user`)).status).toBe(409);
    expect((await admin.call('PUT', `${path}/${someone.role}`, { flavor: 'write' })).status).toBe(409);
    const taken = await admin.call('PUT', `${path}/${someone.role}`, { rotate_password: true });
    expect(taken).toMatchObject({ status: 201, body: { name: someone.role, password: null } });
    const { body } = await someone.call('GET', `${path}/user`);
    expect(await attempts(server, body.uri, ['CREATE ROLE more', 'CREATE DATABASE more'])).toEqual(['42501', '42501']);
  });

  it('a role that was dropped and made again by hand is not taken for the one that was made here', async () => {
    const { path } = cluster;
    const someone = await cluster.addMember();
    await someone.call('POST', path);
    await server.query(`DROP ROLE "${someone.role}"; CREATE ROLE "${someone.role}" LOGIN`);
    expect((await someone.call('PUT', `${path}/user`, {})).status).toBe(409);
    await server.query(`DROP ROLE "${someone.role}"`);
    const anew = await someone.call('POST', path);
    expect(await attempts(server, anew.body.uri, ['SELECT 1'])).toEqual(['ok']);
  });

  it('application and postgres are not deleted, and the answer says why', async () => {
    const { admin, manager, path } = cluster;
    for (const name of ['application', 'postgres']) {
      const { status, body } = await admin.call('DELETE', `${path}/${name}`);
      expect([status, body.message]).toEqual([409, expect.stringContaining('belongs to the cluster itself')]);
    }
    expect((await manager.call('DELETE', `${path}/postgres`)).status).toBe(403);
  });

  it('a role that owns something is not deleted before that is given to somebody', async () => {
    const { path } = cluster;
    const someone = await cluster.addMember();
    const { body: before } = await someone.call('POST', path);
    await server.query(`CREATE TABLE owned (id int); ALTER TABLE owned OWNER TO "${someone.role}"`);
    const refused = await someone.call('DELETE', `${path}/user`);
    expect(refused).toMatchObject({ status: 409, body: { message: expect.stringContaining('it owns 1 relation') } });
    expect((await someone.call('GET', `${path}/user`)).body).toEqual(before);
    await server.query('DROP TABLE owned');
    expect((await someone.call('DELETE', `${path}/user`)).status).toBe(200);
  });

  it('postgres is a superuser for admins of the team alone, once it was taken over; "default" is its former name', async () => {
    const { admin, manager, member, path } = cluster;
    for (const caller of [manager, member]) {
      for (const name of ['postgres', 'default']) {
        expect((await caller.call('GET', `${path}/${name}`)).status).toBe(403);
      }
    }
    expect((await admin.call('PUT', `${path}/postgres`, { flavor: 'read' })).status).toBe(400);
    const taken = await admin.call('PUT', `${path}/postgres`, { flavor: null, rotate_password: true });
    expect(taken).toMatchObject({ status: 201, body: { name: 'postgres', flavor: 'write' } });
    server.address.adminPassword = taken.body.password;
    for (const name of ['postgres', 'default']) {
      expect((await admin.call('GET', `${path}/${name}`)).body).toEqual(taken.body);
    }
    const statements = ['CREATE ROLE by_postgres', 'DROP ROLE by_postgres'];
    expect(await attempts(server, taken.body.uri, statements)).toEqual(['ok', 'ok']);
  });

  it('a request that is repeated under its key is carried out once and answered the same', async () => {
    const { path } = cluster;
    const someone = await cluster.addMember();
    const headers = { 'Idempotency-Key': 'b1946ac9-4b5c-4b5c-8b5c-4b5c4b5c4b5c' };
    const first = await someone.call('PUT', `${path}/user`, { rotate_password: true }, headers);
    const again = await someone.call('PUT', `${path}/user`, { rotate_password: true }, headers);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('Idempotency-Replay')).toBe('true');
    expect((await someone.call('PUT', `${path}/user`, { rotate_password: false }, headers)).status).toBe(409);
    const posted = await someone.call('POST', path, {}, headers);
    expect(posted.body).toEqual(first.body);
  });

  it('an account that is of no team of the cluster gets no role from its admins', async () => {
    const { admin, outsider, path } = cluster;
    expect((await admin.call('PUT', `${path}/${accountRole(outsider.accountId).name}`, {})).status).toBe(404);
  });

  it("a server has its roles as soon as it is assigned; taken away from the team it keeps them, and they are nobody's", async () => {
    const { stack } = clusters;
    const { admin, teamId, serverName } = cluster;
    const pathOf = (eid: string) => `/clusters/${eid}/roles`;
    const assign = async () => {
      const { status, body } = await stack.call('POST', '/v1/clusters', {
        server: serverName,
        team_id: teamId,
        name: 'once more',
      });
      expect(status, body.message).toBe(201);
      return body as { id: string; eid: string };
    };
    expect((await stack.call('DELETE', `/v1/clusters/${cluster.uuid}`)).status).toBe(200);
    expect((await admin.call('GET', `${cluster.path}/application`)).status).toBe(404);
    const again = await assign();
    const taken = await admin.call('GET', `${pathOf(again.eid)}/application`);
    expect(taken).toMatchObject({ status: 409, body: { message: expect.stringContaining('rotate_password') } });
    await stack.call('DELETE', `/v1/clusters/${again.id}`);
    await server.query('DROP ROLE application');
    const anew = await assign();
    const { status, body } = await admin.call('GET', `${pathOf(anew.eid)}/application`);
    expect([status, body.flavor]).toEqual([200, 'write']);
    expect(await attempts(server, body.uri, ['SELECT 1'])).toEqual(['ok']);
    const { body: list } = await admin.call('GET', pathOf(anew.eid));
    expect(list.roles.map(({ name }: { name: string }) => name)).toEqual(['application']);
  });
});
