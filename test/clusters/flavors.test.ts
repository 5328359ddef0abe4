import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/follow.ts';
import { type Major, startServerOf, type VersionedServer } from '../support/versions.ts';
import { attempts, attemptsOn, type Cluster, type Clusters, loginWith, startClusters } from './support/roles.ts';

const REFUSED = '42501';
const MAJORS: readonly Major[] = [13, 14, 18];

/** Tables of somebody in two databases, in a schema that is closed to everybody else. */
async function fill(server: VersionedServer): Promise<void> {
  await server.query(`CREATE ROLE clerk LOGIN PASSWORD 'clerk'; CREATE ROLE later LOGIN PASSWORD 'later'`);
  await server.query('CREATE DATABASE shop');
  for (const database of ['postgres', 'shop']) {
    await server.query(
      `CREATE SCHEMA app; GRANT USAGE, CREATE ON SCHEMA app TO clerk, later; SET ROLE clerk;
       CREATE TABLE app.orders (id serial, item text); INSERT INTO app.orders (item) VALUES ('tea');
       CREATE VIEW app.items AS SELECT item FROM app.orders; CREATE SEQUENCE app.numbers`,
      { database },
    );
    await server.query('GRANT CREATE ON DATABASE shop TO later', { database });
  }
}

/** What comes later, by a role that nobody knew to create anything. */
async function makeMore(server: VersionedServer, database: string): Promise<void> {
  const later = { database, user: 'later', password: 'later' };
  await server.query('CREATE TABLE app.returns (id serial, item text); CREATE SEQUENCE app.more', later);
  await server.query('CREATE TABLE app.copies AS SELECT 1 AS id', later);
  await server.query('SELECT 1 AS id INTO app.taken', later);
  await server.query('CREATE SCHEMA closed; CREATE TABLE closed.parts (id int) PARTITION BY RANGE (id)', { database });
  await server.query('CREATE TABLE closed.first PARTITION OF closed.parts FOR VALUES FROM (0) TO (9)', { database });
}

const READS = [
  'SELECT * FROM app.orders',
  'SELECT * FROM app.items',
  'SELECT last_value FROM app.numbers',
  'SELECT * FROM app.returns',
  'SELECT * FROM app.copies',
  'SELECT * FROM app.taken',
  'SELECT * FROM closed.parts',
  'SELECT * FROM closed.first',
];
const WRITES = [
  `INSERT INTO app.orders (item) VALUES ('milk')`,
  `UPDATE app.orders SET item = 'sugar' WHERE item = 'milk'`,
  `DELETE FROM app.orders WHERE item = 'sugar'`,
  `INSERT INTO app.returns (item) VALUES ('milk')`,
  'UPDATE app.copies SET id = 2',
  'DELETE FROM app.taken',
  'INSERT INTO closed.parts VALUES (1)',
  `SELECT nextval('app.numbers')`,
  `SELECT nextval('app.more')`,
];
/** For nobody, whatever the flavor. */
const NEVER = [
  'TRUNCATE app.orders',
  'DROP TABLE app.orders',
  'ALTER TABLE app.orders ADD COLUMN more text',
  'CREATE TABLE app.mine (id int)',
  'CREATE SCHEMA mine',
];

const all = (list: readonly string[], outcome: string) => list.map(() => outcome);

/** What the roles of a cluster can do, in every database. */
async function expectFlavors(cluster: Cluster, of: { closedToReaders: boolean }): Promise<void> {
  const { server, path } = cluster;
  const member = await cluster.addMember();
  const { body: reader } = await member.call('PUT', `${path}/user`, { flavor: 'read' });
  const { body: application } = await cluster.manager.call('PUT', `${path}/application`, {});
  expect([reader.flavor, application.flavor]).toEqual(['read', 'write']);
  for (const database of ['postgres', 'shop']) {
    await makeMore(server, database);
    expect(await attempts(server, reader.uri, READS, database)).toEqual(all(READS, 'ok'));
    expect(await attempts(server, reader.uri, [...WRITES, ...NEVER], database)).toEqual(
      all([...WRITES, ...NEVER], REFUSED),
    );
    const create = ['CREATE TABLE public.mine (id int)', 'SELECT 1 AS id INTO public.mine_too'];
    if (of.closedToReaders) expect(await attempts(server, reader.uri, create, database)).toEqual(all(create, REFUSED));
    const temporary = ['CREATE TEMP TABLE t (id serial)', 'INSERT INTO t VALUES (1)', 'DROP TABLE t'];
    expect(await attempts(server, reader.uri, temporary, database)).toEqual(all(temporary, 'ok'));
    expect(await attempts(server, application.uri, [...READS, ...WRITES], database)).toEqual(
      all([...READS, ...WRITES], 'ok'),
    );
    expect(await attempts(server, application.uri, NEVER, database)).toEqual(all(NEVER, REFUSED));
  }
  // At once, also in a session that is open.
  const session = await loginWith(server, reader.uri);
  const insert = [`INSERT INTO app.orders (item) VALUES ('salt')`];
  expect(await attemptsOn(session, insert)).toEqual([REFUSED]);
  const { body: writing } = await member.call('PUT', `${path}/user`, { flavor: 'write' });
  expect(writing).toEqual({ ...reader, flavor: 'write' });
  expect(await attemptsOn(session, insert)).toEqual(['ok']);
  await member.call('PUT', `${path}/user`, { flavor: 'read' });
  expect(await attemptsOn(session, [...insert, 'SELECT * FROM app.orders'])).toEqual([REFUSED, 'ok']);
  await session.end();
}

/** The statements that a refusal tells a superuser to run, and the databases they are for. */
function remedyOf(message: string): { sql: string; databases: string[] } {
  const [, databases, script] = /connected to each of (.*), one after the other:\n([\s\S]*)$/.exec(message) ?? [];
  if (databases !== undefined && script !== undefined) {
    return { sql: script, databases: databases.split(', ').map((name) => name.slice(1, -1)) };
  }
  return { sql: /a superuser runs: (.*)$/s.exec(message)?.[1] ?? '', databases: ['postgres'] };
}

describe.each(MAJORS)('flavors on PostgreSQL %i', (major) => {
  let clusters: Clusters;
  let server: VersionedServer;
  let other: VersionedServer;
  let first: Cluster;

  beforeAll(async () => {
    [clusters, server, other] = await Promise.all([startClusters(), startServerOf(major), startServerOf(major)]);
    await Promise.all([fill(server), fill(other)]);
  }, 240_000);

  afterAll(async () => {
    await clusters.stop();
    await Promise.all([server.stop(), other.stop()]);
  }, 60_000);

  it('as a superuser: read reads what is there and what comes later and writes nothing, write writes', async () => {
    first = await clusters.add(server);
    const cluster = first;
    await expectFlavors(cluster, { closedToReaders: true });
    // A database that is made later, with a schema of somebody else; from another template than the usual one as well.
    const { body: application } = await cluster.manager.call('GET', `${cluster.path}/application`);
    await server.query('CREATE DATABASE later_one');
    await server.query('CREATE SCHEMA s; CREATE TABLE s.t (id int)', { database: 'later_one' });
    const use = ['INSERT INTO s.t VALUES (1)', 'SELECT * FROM s.t'];
    expect(await attempts(server, application.uri, use, 'later_one')).toEqual(['ok', 'ok']);
    await server.query('CREATE DATABASE later_bare TEMPLATE template0');
    await server.query('REVOKE CONNECT ON DATABASE later_bare FROM PUBLIC');
    await server.query('CREATE SCHEMA s; CREATE TABLE s.t (id int)', { database: 'later_bare' });
    const outcome = await until(async () => {
      await cluster.manager.call('PUT', `${cluster.path}/application`, {});
      const outcomes = await attempts(server, application.uri, use, 'later_bare').catch(() => []);
      return outcomes.length === 2 && outcomes.every((one) => one === 'ok') ? outcomes : undefined;
    }, 30_000);
    expect(outcome).toEqual(['ok', 'ok']);
  }, 120_000);

  it('what the groups are given never makes a command of somebody else fail', async () => {
    await server.query('ALTER ROLE pgsteward_read RENAME TO renamed');
    const later = { user: 'later', password: 'later' };
    await server.query('CREATE TABLE app.without_group (id int)', later);
    await server.query('CREATE TEMP TABLE t (id int); SELECT * FROM t', later);
    await server.query('ALTER ROLE renamed RENAME TO pgsteward_read');
  });

  it('as a role with CREATEROLE: the same, after what a superuser has to run where it is told so', async () => {
    const cluster = await clusters.add(other, { as: 'limited' });
    const { status, body } = await cluster.manager.call('PUT', `${cluster.path}/application`, {});
    if (major === 14) expect(status).toBe(201);
    else {
      expect(status).toBe(409);
      const { sql, databases } = remedyOf(body.message);
      for (const database of databases) await other.query(sql, { database });
    }
    await expectFlavors(cluster, { closedToReaders: major !== 14 });
    const postgres = await cluster.admin.call('GET', `${cluster.path}/postgres`);
    expect(postgres).toMatchObject({ status: 404, body: { message: expect.stringContaining('no superuser') } });
    expect((await cluster.admin.call('PUT', `${cluster.path}/postgres`, { rotate_password: true })).status).toBe(404);
    const deleted = await cluster.addMember();
    await deleted.call('POST', cluster.path);
    expect((await deleted.call('DELETE', `${cluster.path}/user`)).status).toBe(200);
  }, 120_000);

  it('a password in a catalog is shown to no flavor: from then on every table is granted instead', async () => {
    const cluster = first;
    const { body: application } = await cluster.manager.call('GET', `${cluster.path}/application`);
    await server.query(
      `CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER remote FOREIGN DATA WRAPPER elsewhere;
       CREATE USER MAPPING FOR clerk SERVER remote OPTIONS (user 'clerk', password 'of the remote server')`,
    );
    const look = [
      'SELECT umoptions FROM pg_catalog.pg_user_mapping',
      'SELECT * FROM app.orders',
      'UPDATE app.copies SET id = 3',
    ];
    const outcome = await until(async () => {
      await cluster.manager.call('PUT', `${cluster.path}/application`, {});
      const outcomes = await attempts(server, application.uri, look);
      return outcomes[0] === REFUSED ? outcomes : undefined;
    }, 30_000);
    expect(outcome).toEqual([REFUSED, 'ok', 'ok']);
    await server.query('CREATE TABLE app.afterwards (id int)', { user: 'later', password: 'later' });
    expect(await attempts(server, application.uri, ['INSERT INTO app.afterwards VALUES (1)'])).toEqual(['ok']);
  }, 60_000);
});
