import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidOf } from '../../domain/clusters/eid.ts';
import { holders, VERIFIER_PREFIX } from '../e2e/support/canary.ts';
import { storedRuns } from '../e2e/support/temporal.ts';
import { until } from '../support/follow.ts';
import { startServerOf, type VersionedServer } from '../support/versions.ts';
import { attempts, type Cluster, type Clusters, loginWith, startClusters } from './support/roles.ts';

const SIMULTANEOUS = 50;

describe('passwords of cluster roles', () => {
  let clusters: Clusters;
  let server: VersionedServer;
  let cluster: Cluster;
  /** Every password that was shown. */
  const shown = new Set<string>();

  const metadata = (sql: string, values: unknown[] = []) => clusters.stack.control.db.query(sql, values);

  /** The role of the cluster itself, as GET shows it. */
  async function application(): Promise<{ password: string; uri: string }> {
    const { status, body } = await cluster.manager.call('GET', `${cluster.path}/application`);
    expect(status, body.message).toBe(200);
    shown.add(body.password);
    return body;
  }

  const rotate = (headers?: Record<string, string>) =>
    cluster.manager.call('PUT', `${cluster.path}/application`, { rotate_password: true }, headers);

  /** Whether somebody can log in now with what was shown; undefined where it has been replaced since. */
  async function logsIn({ uri, password }: { uri: string; password: string }): Promise<boolean | undefined> {
    expect(uri).toContain(`:${password}@`);
    const refusal = await loginWith(server, uri).then(
      (session) => session.end(),
      (error: { code?: string }) => error,
    );
    if (refusal === undefined) return true;
    expect(refusal.code).toBe('28P01');
    return (await application()).password === password ? false : undefined;
  }

  beforeAll(async () => {
    [clusters, server] = await Promise.all([startClusters(), startServerOf(18)]);
    cluster = await clusters.add(server);
    expect((await cluster.manager.call('PUT', `${cluster.path}/application`)).status).toBe(201);
  }, 180_000);

  afterAll(async () => {
    await clusters.stop();
    await server.stop();
  }, 60_000);

  it(`of ${SIMULTANEOUS} rotations at once those that wait together are one, each caller gets what was set, and the last one logs in`, async () => {
    const before = await application();
    let over = false;
    const reader = (async () => {
      const looks: (boolean | undefined)[] = [];
      while (!over) looks.push(await logsIn(await application()));
      return looks;
    })();
    const answers = await Promise.all(Array.from({ length: SIMULTANEOUS }, () => rotate()));
    over = true;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    const passwords = new Set(answers.map(({ body }) => body.password as string));
    for (const password of passwords) shown.add(password);
    expect(passwords.has(before.password)).toBe(false);
    expect(passwords.size).toBeLessThan(SIMULTANEOUS / 2);
    // Each of them was set by a request that was carried out, and nothing else was.
    const { rows } = await metadata(
      `SELECT count(*)::int AS rotations FROM tasks t JOIN access_requests r ON r.task_id = t.id
       WHERE r.options -> 'clusterRole' ->> 'rotate' = 'true' AND r.result ->> 'shared_with' IS NULL AND t.status = 'completed'`,
    );
    expect(rows[0]).toEqual({ rotations: passwords.size });
    const last = await application();
    expect(passwords.has(last.password)).toBe(true);
    expect(await logsIn(last)).toBe(true);
    // Nobody was ever shown a password that was the role's and did not log in.
    expect(await reader).not.toContain(false);
  }, 90_000);

  it('whoever asks while a password is set that is not on record yet waits for it, and gets one that logs in', async () => {
    const before = await application();
    await metadata(`CREATE SEQUENCE failures;
      CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        -- Not of what else goes on, such as seeing to the rights of flavors.
        IF NEW.message = 'done' AND EXISTS (SELECT FROM access_requests r WHERE r.task_id = NEW.task_id
            AND r.options -> 'clusterRole' ->> 'rotate' = 'true') THEN
          IF nextval('failures') <= 2 THEN RAISE EXCEPTION 'the disk is full'; END IF;
        END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER fail_twice BEFORE INSERT ON task_log FOR EACH ROW EXECUTE FUNCTION fail_twice()`);
    try {
      const rotating = rotate();
      // The server has the new password, and metadata does not.
      await until(async () => {
        const { rows } = await metadata('SELECT is_called AS failed FROM failures');
        return rows[0]?.failed === true ? true : undefined;
      });
      const [asked, rotated] = await Promise.all([application(), rotating]);
      expect(rotated.status, rotated.body.message).toBe(201);
      expect(asked.password).toBe(rotated.body.password);
      expect(asked.password).not.toBe(before.password);
      expect(await logsIn(asked)).toBe(true);
    } finally {
      await metadata('DROP TRIGGER fail_twice ON task_log; DROP FUNCTION fail_twice; DROP SEQUENCE failures');
    }
  });

  it('where nobody can say whether a password was set, it is set again before it is shown', async () => {
    const before = await application();
    // As a request leaves it that was given up between the commit on the server and its own.
    await server.query(`ALTER ROLE application PASSWORD 'of a request that was lost'`);
    await metadata(`UPDATE cluster_roles SET changing_task = $1 WHERE name = 'application'`, [uuidv7()]);
    const after = await application();
    expect(after.password).toBe(before.password);
    expect(await logsIn(after)).toBe(true);
  });

  it('a role that a lost request has made is the one that the next request makes', async () => {
    const someone = await cluster.addMember();
    await someone.call('POST', cluster.path);
    await metadata(
      `UPDATE cluster_roles SET state = 'creating', role_oid = NULL, secret_version = NULL, in_doubt = true WHERE name = $1`,
      [someone.role],
    );
    await metadata('DELETE FROM credentials WHERE role_name = $1', [someone.role]);
    expect((await someone.call('GET', `${cluster.path}/user`)).status).not.toBe(200);
    const { status, body } = await someone.call('POST', cluster.path);
    expect(status, body.message).toBe(201);
    expect(await attempts(server, body.uri, ['SELECT 1'])).toEqual(['ok']);
  });

  it('a password is in no history, no log, no row of metadata in clear, and its reveal is in the audit log', async () => {
    const { password } = await application();
    const runs = await storedRuns(clusters.stack);
    const kept: Record<string, string | Uint8Array> = { ours: await clusters.stack.log() };
    for (const [id, run] of runs) for (const [part, bytes] of Object.entries(run)) kept[`${id} ${part}`] = bytes;
    const { rows: tables } = await metadata(
      `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'`,
    );
    for (const { name } of tables) {
      const { rows } = await metadata(`SELECT t::text AS row FROM ${name} AS t`);
      kept[`table ${name}`] = rows.map(({ row }) => row as string).join('\n');
    }
    kept.server = await readFile(server.logFile);
    expect(shown.has(password)).toBe(true);
    expect(holders(kept, [...shown])).toEqual([]);
    const { server: _, ...withoutServer } = kept;
    expect(holders(withoutServer, [VERIFIER_PREFIX])).toEqual([]);
    const { rows } = await metadata(
      `SELECT count(*)::int AS reveals FROM audit_log WHERE kind = 'reveal' AND resource = $1`,
      [`cluster/${cluster.id}/role/application`],
    );
    expect(rows[0]?.reveals).toBeGreaterThan(3);
  });
});

describe('the list of cluster roles', () => {
  const PAGE = 7;
  const COUNT = 100;
  let clusters: Clusters;
  let server: VersionedServer;
  let cluster: Cluster;
  let accounts: string[];

  const metadata = (sql: string, values: unknown[] = []) => clusters.stack.control.db.query(sql, values);
  const insert = (name: string) =>
    metadata(
      `INSERT INTO cluster_roles (id, cluster_id, server_name, name, flavor, state) VALUES ($1, $2, $3, $4, 'read', 'ready')`,
      [uuidv7(), cluster.uuid, cluster.serverName, name],
    );
  const remove = (name: string) => metadata('UPDATE cluster_roles SET deleted_at = now() WHERE name = $1', [name]);

  beforeAll(async () => {
    [clusters, server] = await Promise.all([startClusters(), startServerOf(18)]);
    cluster = await clusters.add(server);
    accounts = [];
    const people = await Promise.all([cluster.addMember(), cluster.addMember(), cluster.addMember()]);
    for (const someone of people) {
      expect((await someone.call('POST', cluster.path)).status).toBe(201);
      accounts.push(someone.role.slice(2));
    }
  }, 180_000);

  afterAll(async () => {
    await clusters.stop();
    await server.stop();
  }, 60_000);

  it('has application from the start, for every member, and no password of anybody', async () => {
    const names = await until(async () => {
      const { body } = await cluster.member.call('GET', cluster.path);
      const list = body.roles as { name: string; password: unknown; uri: unknown }[];
      expect(list.every(({ password, uri }) => password === null && uri === null)).toBe(true);
      const found = list.map(({ name }) => name);
      return found.includes('application') ? found : undefined;
    });
    expect(names.filter((name) => name.startsWith('u_'))).toHaveLength(3);
  });

  it('can be of some accounts', async () => {
    const [first, , third] = accounts;
    const query = `account_id=${third}&account_id=${first}`;
    const { body } = await cluster.member.call('GET', `${cluster.path}?${query}`);
    expect(body).toEqual({
      roles: [first, third].map((id) => ({
        account_email: null,
        account_id: id,
        cluster_id: cluster.id,
        flavor: 'read',
        name: `u_${id}`,
        password: null,
        team_id: expect.any(String),
        uri: null,
      })),
      has_more: false,
      next_cursor: null,
    });
    const one = await cluster.member.call('GET', `${cluster.path}?account_id=${first}`);
    expect(one.body.roles).toHaveLength(1);
    const none = await cluster.member.call('GET', `${cluster.path}?account_id=${'a'.repeat(26)}`);
    expect(none.body.roles).toEqual([]);
  });

  it.each([
    ['id', 'asc'],
    ['id', 'desc'],
    ['name', 'asc'],
    ['name', 'desc'],
  ])(
    'by %s %s shows each role that is there throughout exactly once, while others come and go',
    async (field, order) => {
      const lasting = Array.from({ length: COUNT }, () => `lasting ${randomUUID()}`);
      for (const name of lasting) await insert(name);
      const seen: string[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const query = new URLSearchParams({
          order_field: field,
          order,
          limit: String(PAGE),
          ...(cursor && { cursor }),
        });
        const { status, body } = await cluster.member.call('GET', `${cluster.path}?${query}`);
        expect(status, body.message).toBe(200);
        const names = body.roles.map(({ name }: { name: string }) => name);
        seen.push(...names);
        pages += 1;
        expect(body.has_more).toBe(body.next_cursor !== null);
        cursor = body.next_cursor ?? undefined;
        if (cursor !== undefined) {
          if (field === 'name') expect(cursor).toBe(names.at(-1));
          else expect(uuidOf(cursor)).toBeDefined();
        }
        // Before and after the place that has been reached; the row that the cursor came from goes as well.
        const passing = [`a passing ${randomUUID()}`, `z passing ${randomUUID()}`, `lasting 8 passing ${randomUUID()}`];
        for (const name of passing) await insert(name);
        for (const name of names.filter((one: string) => one.includes('passing'))) await remove(name);
      } while (cursor !== undefined && pages < 100);
      const mine = seen.filter((name) => lasting.includes(name));
      expect(mine.toSorted()).toEqual(lasting.toSorted());
      expect(new Set(seen).size).toBe(seen.length);
      await metadata(`DELETE FROM cluster_roles WHERE name LIKE '%passing%' OR name LIKE 'lasting%'`);
    },
  );
});
