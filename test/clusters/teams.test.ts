/** Teams and clusters as administrators manage them, and pages of them. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eidOf } from '../../domain/clusters/eid.ts';
import { ensureFirstTeam } from '../../worker/first-team.ts';
import { makePerson, type Person } from '../support/accounts.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { makeCluster, makeTeam } from './support/estate.ts';

const UNKNOWN = '019f6a00-0000-7000-8000-000000000001';

let stack: TestStack;
let ada: Person;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  ada = await makePerson(stack, { role: 'member', name: 'ada' });
});
afterAll(() => stack?.stop());

const { call } = { call: (...of: Parameters<TestStack['call']>) => stack.call(...of) };
const asAda = (path: string) => stack.as(ada.credentials).call('GET', path);

async function auditOf(resource: string): Promise<{ kind: string; action: string; actor: string }[]> {
  const { rows } = await stack.control.db.query(
    'SELECT kind, action, actor FROM audit_log WHERE resource = $1 ORDER BY id',
    [resource],
  );
  return rows;
}

const bothRows = (action: string, actor = 'admin') => [
  { kind: 'intent', action, actor },
  { kind: 'outcome', action, actor },
];

// Before any other test makes a team.
describe('the first administrator', () => {
  const first = () =>
    ensureFirstTeam(stack.control.db, { file: join(stack.config.home, 'cbkey'), serverName: 'host-1' });

  test('gets a team with the server of this machine, and an API key in a file of its own', async () => {
    const made = await first();
    const file = join(stack.config.home, 'cbkey');
    expect(made).toEqual({ key: expect.stringMatching(/^cbkey_[\w-]{43}$/), clusterName: 'host-1' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).toBe(`${made?.key}\n`);
    const mine = stack.as({ Authorization: `Bearer ${made?.key}` });
    expect((await mine.call('GET', '/teams')).body.teams).toMatchObject([{ name: 'administrators', role: 'admin' }]);
    const { clusters } = (await mine.call('GET', '/clusters')).body;
    expect(clusters).toMatchObject([{ name: 'host-1' }]);
    const { rows } = await stack.control.db.query(
      `SELECT action FROM audit_log WHERE actor = 'start-up' AND kind = 'outcome' AND action ~ '^(team|cluster)' ORDER BY id`,
    );
    expect(rows.map(({ action }) => action)).toEqual(['team.create', 'team.put_member', 'cluster.assign']);
  });

  test('gets them once: what was taken away is not given again', async () => {
    const { clusters } = (await call('GET', '/v1/clusters')).body;
    await call('DELETE', `/v1/clusters/${clusters[0].id}`);
    expect(await first()).toBeUndefined();
    expect((await call('GET', '/v1/clusters')).body.clusters).toEqual([]);
  });
});

describe('a team', () => {
  test('is made, shown, changed and forgotten, each time on record', async () => {
    const made = await call('POST', '/v1/teams', { name: 'storefront' });
    const { id } = made.body;
    expect([made.status, made.body]).toEqual([
      201,
      {
        id: expect.any(String),
        eid: eidOf(id),
        name: 'storefront',
        default_role_flavor: 'read',
        created_at: expect.any(String),
      },
    ]);
    expect((await call('GET', `/v1/teams/${id}`)).body).toEqual({ ...made.body, members: [] });
    const changed = await call('PATCH', `/v1/teams/${id}`, { default_role_flavor: 'write' });
    expect([changed.status, changed.body]).toEqual([200, { ...made.body, default_role_flavor: 'write' }]);
    const deleted = await call('DELETE', `/v1/teams/${id}`);
    expect([deleted.status, deleted.body]).toEqual([200, changed.body]);
    expect((await call('GET', `/v1/teams/${id}`)).status).toBe(404);
    expect(await auditOf(`team/${id}`)).toEqual(
      ['team.create', 'team.change', 'team.delete'].flatMap((a) => bothRows(a)),
    );
  });

  test.each([
    'four',
    'x'.repeat(51),
    '1storefront',
    'storefront-',
    'store\nfront',
    'rvf73a77ozfsvcttryebfrnlem',
    '',
    7,
  ])('has a name that command lines take for one: not %j', async (name) => {
    const refused = await call('POST', '/v1/teams', { name });
    expect([refused.status, refused.body.message]).toEqual([400, expect.stringContaining('name')]);
  });

  test('has a name of its own', async () => {
    const { body } = await call('POST', '/v1/teams', { name: 'unique' });
    await call('POST', '/v1/teams', { name: 'other team' });
    const again = await call('POST', '/v1/teams', { name: 'unique' });
    expect([again.status, again.body.name]).toEqual([409, 'team_already_exists']);
    expect((await call('PATCH', `/v1/teams/${body.id}`, { name: 'other team' })).status).toBe(409);
    expect((await call('PATCH', `/v1/teams/${body.id}`, { name: 'unique' })).status).toBe(200);
  });

  test('is made once for the same Idempotency-Key', async () => {
    const key = { 'Idempotency-Key': 'team-1' };
    const first = await call('POST', '/v1/teams', { name: 'made once' }, key);
    const again = await call('POST', '/v1/teams', { name: 'made once' }, key);
    expect([again.status, again.body, again.headers.get('idempotency-replay')]).toEqual([201, first.body, 'true']);
    expect((await call('POST', '/v1/teams', { name: 'made twice' }, key)).body.name).toBe('idempotency_conflict');
  });

  test('has members, who see it from their next request on and not after they have left', async () => {
    const { body: team } = await call('POST', '/v1/teams', { name: 'with members' });
    const path = `/v1/teams/${team.id}/members/${ada.account.id}`;
    expect((await asAda(`/teams/${team.eid}`)).status).toBe(404);
    const put = await call('PUT', path, { role: 'manager' });
    expect([put.status, put.body]).toEqual([
      200,
      { account_id: ada.account.id, account: 'ada', role: 'manager', created_at: expect.any(String) },
    ]);
    expect((await asAda(`/teams/${team.eid}`)).body.role).toBe('manager');
    await call('PUT', path, { role: 'admin' });
    expect((await asAda(`/teams/${team.eid}`)).body.role).toBe('admin');
    expect((await call('GET', `/v1/teams/${team.id}`)).body.members).toEqual([{ ...put.body, role: 'admin' }]);
    expect((await call('DELETE', path)).status).toBe(200);
    expect((await asAda(`/teams/${team.eid}`)).status).toBe(404);
    expect((await call('DELETE', path)).status).toBe(404);
    const actions = ['team.create', 'team.put_member', 'team.put_member', 'team.remove_member'];
    expect(await auditOf(`team/${team.id}`)).toEqual([
      ...actions.flatMap((action) => bothRows(action)),
      { kind: 'refusal', action: 'team.remove_member', actor: 'admin' },
    ]);
  });

  test('has no members that are no accounts, or accounts of this program', async () => {
    const { body: team } = await call('POST', '/v1/teams', { name: 'without members' });
    const put = (accountId: string, role = 'member', teamId = team.id) =>
      call('PUT', `/v1/teams/${teamId}/members/${accountId}`, { role });
    expect((await put(UNKNOWN)).status).toBe(404);
    expect((await put(ada.account.id, 'member', UNKNOWN)).status).toBe(404);
    expect((await put(ada.account.id, 'owner')).status).toBe(400);
    const { accounts } = (await call('GET', '/v1/accounts')).body;
    const builtIn = accounts.find(({ name }: { name: string }) => name === 'loopback');
    expect((await put(builtIn.id)).status).toBe(403);
  });

  test('is not forgotten while it has clusters', async () => {
    const team = await makeTeam(stack, []);
    const cluster = await makeCluster(stack, { teamId: team.id, name: 'in the way' });
    const refused = await call('DELETE', `/v1/teams/${team.id}`);
    expect([refused.status, refused.body]).toEqual([
      409,
      { name: 'team_in_use', message: expect.stringContaining('in the way') },
    ]);
    await call('DELETE', `/v1/clusters/${cluster.id}`);
    expect((await call('DELETE', `/v1/teams/${team.id}`)).status).toBe(200);
  });

  test('that an account joined first is its default', async () => {
    const person = await makePerson(stack, { role: 'member' });
    const mine = async () => {
      const { call: ask } = stack.as(person.credentials);
      const { teams } = (await ask('GET', '/teams')).body;
      const defaults = teams.filter((team: { is_default: boolean }) => team.is_default);
      return [(await ask('GET', '/account')).body.default_team_id, ...defaults.map(({ id }: { id: string }) => id)];
    };
    expect(await mine()).toEqual([null]);
    const first = await makeTeam(stack, [[person, 'member']]);
    await makeTeam(stack, [[person, 'admin']]);
    expect(await mine()).toEqual([first.eid, first.eid]);
  });
});

describe('a cluster', () => {
  test('is a registered server only after it was assigned to a team, and no longer than that', async () => {
    const team = await makeTeam(stack, [[ada, 'member']]);
    expect((await asAda(`/clusters?team_id=${team.eid}`)).body.clusters).toEqual([]);
    const assigned = await call('POST', '/v1/clusters', { server: 'host-1', team_id: team.id, name: 'shop data' });
    const { id } = assigned.body;
    expect([assigned.status, assigned.body]).toEqual([
      201,
      { id, eid: eidOf(id), name: 'shop data', server: 'host-1', team_id: team.id, created_at: expect.any(String) },
    ]);
    expect((await asAda(`/clusters/${eidOf(id)}`)).body).toMatchObject({ name: 'shop data', team_id: team.eid });
    expect((await call('GET', `/v1/clusters/${id}`)).body).toEqual(assigned.body);
    expect((await call('GET', `/v1/clusters?team_id=${team.id}`)).body.clusters).toEqual([assigned.body]);
    const unassigned = await call('DELETE', `/v1/clusters/${id}`);
    expect([unassigned.status, unassigned.body]).toEqual([200, assigned.body]);
    expect((await asAda(`/clusters/${eidOf(id)}`)).status).toBe(404);
    expect((await call('DELETE', `/v1/clusters/${id}`)).status).toBe(404);
    expect(await auditOf(`cluster/${id}`)).toEqual([
      ...bothRows('cluster.assign'),
      ...bothRows('cluster.unassign'),
      { kind: 'refusal', action: 'cluster.unassign', actor: 'admin' },
    ]);
  });

  test('is one server with one name', async () => {
    const team = await makeTeam(stack, []);
    const cluster = await makeCluster(stack, { teamId: team.id, name: 'the one' });
    const assign = async (server: string, name: string, teamId = team.id) => {
      const { status, body } = await call('POST', '/v1/clusters', { server, team_id: teamId, name });
      return [status, body.message];
    };
    expect(await assign(cluster.serverName, 'another')).toEqual([
      409,
      expect.stringContaining('is the cluster "the one"'),
    ]);
    expect(await assign('host-1', 'the one')).toEqual([409, expect.stringContaining('"the one" exists already')]);
    expect(await assign('nowhere', 'another')).toEqual([404, expect.stringContaining('no server found')]);
    expect(await assign('host-1', 'another', UNKNOWN)).toEqual([404, expect.stringContaining('no team found')]);
    expect(await assign('host-1', 'four')).toEqual([400, expect.stringContaining('name')]);
  });

  test('keeps its server registered', async () => {
    const team = await makeTeam(stack, []);
    const { serverName } = await makeCluster(stack, { teamId: team.id, name: 'in use' });
    const refused = await call('DELETE', `/v1/servers/${serverName}`);
    expect([refused.status, refused.body.message]).toEqual([409, expect.stringContaining('cluster in use')]);
  });

  test('is found where its primary was seen last', async () => {
    const team = await makeTeam(stack, [[ada, 'member']]);
    const endpoints = [
      { address: '10.0.0.1', port: 5432 },
      { address: '10.0.0.2', port: 5432 },
    ];
    const cluster = await makeCluster(stack, { teamId: team.id, change: { endpoints } });
    const shown = async () => (await asAda(`/clusters/${cluster.eid}`)).body;
    expect(await shown()).toMatchObject({ host: '10.0.0.1', is_ha: true });
    await stack.control.db.query(
      `INSERT INTO server_primaries (server_name, address, port, timeline) VALUES ($1, '10.0.0.2', 5432, 2)`,
      [cluster.serverName],
    );
    expect(await shown()).toMatchObject({ host: '10.0.0.2' });
  });
});

test('accounts tell the id that roles of clusters are named after', async () => {
  const { body } = await call('GET', `/v1/accounts/${ada.account.id}`);
  expect(body.eid).toBe(eidOf(ada.account.id));
});

test('teams and clusters are managed by administrators', async () => {
  const { call: ask } = stack.as((await makePerson(stack, { role: 'operator' })).credentials);
  for (const [method, path] of [
    ['POST', '/v1/teams'],
    ['POST', '/v1/clusters'],
    ['DELETE', `/v1/clusters/${UNKNOWN}`],
  ] as const) {
    expect((await ask(method, path, {})).status).toBe(403);
  }
});

describe('a page', () => {
  const ORDERS = ['asc', 'desc'] as const;
  const FIELDS = ['id', 'name'] as const;
  type Shown = { id: string; name: string };

  const LISTS = [
    {
      list: 'teams',
      async add(name: string, person: Person) {
        return (await makeTeam(stack, [[person, 'member']], name)).id;
      },
      remove: (id: string) => stack.control.db.query('DELETE FROM teams WHERE id = $1', [id]),
    },
    {
      list: 'clusters',
      async add(name: string, person: Person) {
        const { rows } = await stack.control.db.query('SELECT team_id AS id FROM team_members WHERE account_id = $1', [
          person.account.id,
        ]);
        const teamId = rows[0]?.id ?? (await makeTeam(stack, [[person, 'member']])).id;
        return (await makeCluster(stack, { teamId, name })).id;
      },
      remove: (id: string) => stack.control.db.query('DELETE FROM clusters WHERE id = $1', [id]),
    },
  ];

  describe.each(LISTS)('of $list', ({ list, add, remove }) => {
    let person: Person;
    const kept = new Map<string, string>();
    beforeAll(async () => {
      person = await makePerson(stack, { role: 'member' });
      // Upper and lower case, and more than ASCII: names are ordered by their bytes.
      for (let n = 0; n < 40; n += 1) {
        const name = `${['Alpha', 'beta', 'Éclair', 'zeta'][n % 4]} ${list} ${String(n).padStart(2, '0')}`;
        kept.set(eidOf(await add(name, person)), name);
      }
    });

    test.each(ORDERS.flatMap((order) => FIELDS.map((field) => [order, field] as const)))(
      'in order %s of %s shows what was there throughout exactly once, whatever comes and goes meanwhile',
      async (order, field) => {
        const seen: Shown[] = [];
        let cursor: string | null = null;
        let round = 0;
        const passing: string[] = [];
        do {
          const query = new URLSearchParams({
            order,
            order_field: field,
            limit: '7',
            ...(cursor === null ? {} : { cursor }),
          });
          const { body } = await stack.as(person.credentials).call('GET', `/${list}?${query}`);
          expect(body[list].length).toBeLessThanOrEqual(7);
          seen.push(...body[list]);
          cursor = body.next_cursor;
          expect(body.has_more ?? false).toBe(cursor !== null);
          const [oldest] = passing;
          if (oldest !== undefined && round % 2 === 1) await remove(oldest);
          passing.push(await add(`m ${list} ${order} ${field} ${round}`, person));
          round += 1;
        } while (cursor !== null && round < 30);
        const throughout = seen.filter(({ id }) => kept.has(id));
        expect(throughout.map(({ id }) => id).toSorted()).toEqual([...kept.keys()].toSorted());
        const bytes = (one: Shown) =>
          Buffer.from(field === 'name' ? one.name : one.id.replaceAll(/[2-7]/g, (digit) => `{${digit}`));
        const sorted = throughout.toSorted((a, b) => Buffer.compare(bytes(a), bytes(b)) * (order === 'asc' ? 1 : -1));
        expect(throughout).toEqual(sorted);
        await Promise.all(passing.map(remove));
      },
    );

    test('goes on after a row that is gone', async () => {
      const gone = await add(`m ${list} that goes`, person);
      await remove(gone);
      const after = await stack
        .as(person.credentials)
        .call('GET', `/${list}?order_field=name&cursor=${encodeURIComponent(`m ${list} that goes`)}&limit=200`);
      const names = [...kept.values()].filter(
        (name) => Buffer.compare(Buffer.from(name), Buffer.from(`m ${list} that goes`)) > 0,
      );
      expect(after.body[list].map(({ name }: Shown) => name).toSorted()).toEqual(names.toSorted());
      const byId = await stack.as(person.credentials).call('GET', `/${list}?cursor=${eidOf(gone)}&limit=200`);
      expect(byId.status).toBe(200);
    });
  });
});
