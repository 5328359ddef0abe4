import { bareRequest } from '../../api/support/requests.ts';
import { makeMember } from '../../clusters/support/estate.ts';
import type { Faults } from '../../faults/support/faults.ts';
import { until } from '../../support/follow.ts';
import type { TestStack } from '../../support/stack.ts';
import type { VersionedServer } from '../../support/versions.ts';

type Answer = Awaited<ReturnType<TestStack['call']>>;

/** A call of a route of the table. Names fill the path; `?` is a query string. */
export type Call = (
  route: string,
  names: Record<string, string>,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer & { requestId: string }>;

export type Act = [route: string, act: (route: string) => ReturnType<Call>];

/** Every changing route once, in an order in which each one is possible. @param server of its own, which is registered and forgotten */
export function everyChange(around: {
  stack: () => TestStack;
  server: () => VersionedServer;
  faults: Faults;
  call: Call;
}): Act[] {
  return [
    ...databases(around),
    ...servers(around),
    ...access(around),
    ...clusters(around),
    ...environments(around),
    ...users(around),
    ...rotations(around),
    ...channels(around),
  ];
}

type Around = Parameters<typeof everyChange>[0];

function databases({ call, faults }: Around): Act[] {
  const database = { database_id: 'audited' };
  /** Holds a create at a step, so that there is something to cancel. */
  async function held(id: string): Promise<Record<string, string>> {
    const step = faults.hold({ subject: id, activity: 'createDatabase', when: 'before' });
    const { body } = await call('POST /v1/databases', {}, bareRequest(id));
    await step.reached;
    step.release();
    return { database_id: id, task_id: body.task.task_id };
  }
  return [
    ['POST /v1/databases', (route) => call(route, {}, bareRequest('audited'))],
    [
      'POST /v1/databases/{database_id}',
      (route) => {
        const { spec } = bareRequest('audited');
        const reader = { username: 'audited_reader', attributes: ['LOGIN'], password: 'c4nary-reader' };
        return call(route, database, { spec: { ...spec, database_users: [...spec.database_users, reader] } });
      },
    ],
    ['DELETE /v1/databases/{database_id}', (route) => call(route, database)],
    [
      'POST /v1/databases/{database_id}/tasks/{task_id}/cancel',
      async (route) => call(route, await held('cancelled-by-post')),
    ],
    [
      'GET /v1/databases/{database_id}/tasks/{task_id}/cancel',
      async (route) => call(route, await held('cancelled-by-get')),
    ],
  ];
}

function servers({ call, server }: Around): Act[] {
  const on = { name: 'audited', role: 'app', member: 'alice' };
  const usage = { database: 'postgres', on: { kind: 'schema', names: ['public'] }, privileges: ['USAGE'] };
  const registration = () => {
    const { endpoints, tls, adminUser: user, adminPassword: password } = server().address;
    return { endpoints, tls: { mode: tls.mode, ca_certificate: tls.caCertificate }, admin: { user, password } };
  };
  const roles = [
    { name: 'app', login: true, password: 'c4nary-app' },
    { name: 'alice', login: true },
  ];
  return [
    ['POST /v1/servers', (route) => call(route, {}, { name: 'audited', ...registration() })],
    ['PUT /v1/servers/{name}', (route) => call(route, on, { ...registration(), labels: { environment: 'test' } })],
    ['POST /v1/servers/{name}/apply', (route) => call(route, on, { document: { roles } })],
    [
      'PUT /v1/servers/{name}/roles/{role}',
      (route) => call(route, on, { login: true, generate_password: true, connection_limit: 3 }),
    ],
    ['PUT /v1/servers/{name}/roles/{role}/members/{member}', (route) => call(route, on, {})],
    ['DELETE /v1/servers/{name}/roles/{role}/members/{member}', (route) => call(route, on)],
    ['POST /v1/servers/{name}/grants', (route) => call(route, on, { ...usage, to: ['app'] })],
    ['POST /v1/servers/{name}/revokes', (route) => call(route, on, { ...usage, from: ['app'] })],
    [
      'DELETE /v1/servers/{name}/roles/{role}',
      (route) => call(route, { ...on, role: 'alice' }, { reassign_owned: true }),
    ],
    [
      'DELETE /v1/servers/{name}',
      async (route) => {
        // What was made there would keep it from being forgotten.
        await call('DELETE /v1/servers/{name}/roles/{role}', on, { reassign_owned: true });
        return until(async () => {
          const answer = await call(route, on);
          return answer.status === 200 ? answer : undefined;
        });
      },
    ],
  ];
}

function access({ call, stack }: Around): Act[] {
  const made: Record<string, string> = {};
  return [
    [
      'POST /v1/accounts',
      async (route) => {
        const answer = await call(route, {}, { name: 'audited', role: 'operator' });
        made.account_id = answer.body.id;
        return answer;
      },
    ],
    ['PATCH /v1/accounts/{account_id}', (route) => call(route, made, { role: 'auditor' })],
    [
      'POST /v1/tokens',
      async (route) => {
        const answer = await call(route, {}, { name: 'pipeline', account: 'audited' });
        made.token_id = answer.body.token.id;
        return answer;
      },
    ],
    ['DELETE /v1/tokens/{token_id}', (route) => call(route, made)],
    ['DELETE /v1/accounts/{account_id}', (route) => call(route, made)],
    [
      'POST /access-tokens',
      async (route) => {
        const { key } = await makeMember(stack(), { role: 'member' });
        const answer = await call(route, {}, { client_secret: key }, { Authorization: '' });
        made.token_id = answer.body.id;
        made.bearer = answer.body.access_token;
        return answer;
      },
    ],
    [
      'DELETE /access-tokens/{token_id}',
      (route) => call(route, made, undefined, { Authorization: `Bearer ${made.bearer}` }),
    ],
  ];
}

function clusters({ call, stack }: Around): Act[] {
  const made: Record<string, string> = {};
  const ofCluster = () => ({ cluster_id: made.eid ?? '', role_name: 'user' });
  const asMember = () => ({ Authorization: `Bearer ${made.key}` });
  return [
    [
      'POST /v1/teams',
      async (route) => {
        const answer = await call(route, {}, { name: 'audited' });
        made.team_id = answer.body.id;
        return answer;
      },
    ],
    ['PATCH /v1/teams/{team_id}', (route) => call(route, made, { name: 'audited again' })],
    [
      'PUT /v1/teams/{team_id}/members/{account_id}',
      async (route) => {
        const member = await makeMember(stack(), { role: 'member' });
        made.account_id = member.account.id;
        made.key = member.key;
        return call(route, made, { role: 'manager' });
      },
    ],
    [
      'POST /v1/clusters',
      async (route) => {
        const answer = await call(route, {}, { server: 'host-1', team_id: made.team_id, name: 'audited' });
        made.cluster_id = answer.body.id;
        made.eid = answer.body.eid;
        return answer;
      },
    ],
    ['POST /clusters/{cluster_id}/roles', (route) => call(route, ofCluster(), {}, asMember())],
    ['GET /clusters/{cluster_id}/roles/{role_name}', (route) => call(route, ofCluster(), undefined, asMember())],
    [
      'PUT /clusters/{cluster_id}/roles/{role_name}',
      (route) => call(route, ofCluster(), { flavor: 'write' }, asMember()),
    ],
    ['DELETE /clusters/{cluster_id}/roles/{role_name}', (route) => call(route, ofCluster(), undefined, asMember())],
    ['DELETE /v1/clusters/{cluster_id}', (route) => call(route, made)],
    ['DELETE /v1/teams/{team_id}/members/{account_id}', (route) => call(route, made)],
    ['DELETE /v1/teams/{team_id}', (route) => call(route, made)],
  ];
}

function environments({ call, stack }: Around): Act[] {
  const made: Record<string, string> = { env: 'audited' };
  const entry = (dbName: string) => {
    const [endpoint] = stack().target.address.endpoints;
    return { env: 'audited', db_name: dbName, hostname: endpoint?.address, port: endpoint?.port };
  };
  return [
    ['PUT /v1/policies/{env}', (route) => call(route, made, { preset: 'article' })],
    ['DELETE /v1/policies/{env}', (route) => call(route, made)],
    [
      'POST /api/v1/registry',
      async (route) => {
        const answer = await call(route, {}, entry('shop'));
        made.id = String(answer.body.id);
        return answer;
      },
    ],
    ['PATCH /api/v1/registry/{id}', (route) => call(route, made, { notes: 'audited' })],
    ['DELETE /api/v1/registry/{id}', (route) => call(route, made)],
    ['POST /api/v1/registry/import', (route) => call(route, {}, { entries: [entry('imported')] })],
  ];
}

/** What identifies the account of each kind of user. */
const KINDS: Readonly<Record<string, Record<string, string>>> = {
  app: { servername: 'web01', port: '8080' },
  'app-k8s': { env_prefix: 'dv', farmname: 'audited' },
  devqa: { username: 'audited_devqa' },
  devlead: { username: 'audited_devlead' },
  readonly: { username: 'audited_readonly' },
  dba: { username: 'audited_dba' },
};

function users({ call, stack }: Around): Act[] {
  const place = { env: 'users', database: 'audited_users' };
  const username = 'audited_devqa';
  const usage = { on: { kind: 'schema', names: ['public'] }, privileges: ['USAGE'] };
  const made: Record<string, string> = {};
  const byGet = (route: string, parameters: Record<string, string>) =>
    call(route, { '?': new URLSearchParams({ ...place, ...parameters }).toString() });
  const byPost = (route: string, parameters: object) => call(route, {}, { ...place, ...parameters });
  /** The same change twice is two requests all the same: the second one finds the user there. */
  const kinds = Object.entries(KINDS).flatMap(([kind, parameters]): Act[] => [
    [`GET /api/v1/users/${kind}`, (route) => byGet(route, parameters)],
    [`POST /api/v1/users/${kind}`, (route) => byPost(route, parameters)],
  ]);
  const [first, ...others] = kinds;
  return [
    [
      first?.[0] ?? '',
      async (route) => {
        await stack().target.query(`CREATE DATABASE ${place.database}`);
        const [endpoint] = stack().target.address.endpoints;
        await call(
          'POST /api/v1/registry',
          {},
          {
            env: place.env,
            db_name: place.database,
            hostname: endpoint?.address,
            port: endpoint?.port,
          },
        );
        return byGet(route, KINDS.app ?? {});
      },
    ],
    ...others,
    ['GET /api/v1/users/reset', (route) => byGet(route, { username })],
    [
      'POST /api/v1/users/reset',
      async (route) => {
        const answer = await byPost(route, { username, handover: 'link' });
        made.token = new URL(answer.body.handover.url).pathname.split('/').at(-1) ?? '';
        return answer;
      },
    ],
    ['POST /api/v1/handover/{token}', (route) => call(route, made, undefined, { Authorization: '' })],
    ['GET /api/v1/users/search-path', (route) => byGet(route, { username, schema: 'public' })],
    ['POST /api/v1/users/search-path', (route) => byPost(route, { username, schema: 'public' })],
    ['POST /api/v1/users/disable', (route) => byPost(route, { username })],
    ['POST /api/v1/users/enable', (route) => byPost(route, { username })],
    [
      'POST /api/v1/users/bulk',
      (route) => call(route, {}, { users: [{ ...place, kind: 'devqa', username: 'in_bulk' }] }),
    ],
    ['POST /api/v1/grants', (route) => byPost(route, { ...usage, to: [username] })],
    ['POST /api/v1/revokes', (route) => byPost(route, { ...usage, from: [username] })],
    ['POST /api/v1/grants/refresh', (route) => byPost(route, {})],
    ['POST /api/v1/users/drop', (route) => byPost(route, { username })],
  ];
}

function rotations({ call, stack }: Around): Act[] {
  const made: Record<string, string> = {};
  const ended = () =>
    until(async () => {
      const { body } = await stack().call('GET', `/v1/rotations/${made.rotation_id}`);
      return body.last?.status === 'completed' ? true : undefined;
    });
  return [
    [
      'POST /v1/rotations',
      async (route) => {
        await stack().target.query(`CREATE ROLE audited_rotated LOGIN PASSWORD 'c4nary-rotated'`);
        const body = { server: 'host-1', role: 'audited_rotated', strategy: 'in-place' };
        const answer = await call(route, {}, body);
        made.rotation_id = answer.body.id;
        return answer;
      },
    ],
    ['PATCH /v1/rotations/{rotation_id}', (route) => call(route, made, { schedule: { every: 'P30D' } })],
    ['POST /v1/rotations/{rotation_id}/pause', (route) => call(route, made)],
    ['POST /v1/rotations/{rotation_id}/resume', (route) => call(route, made)],
    [
      'POST /v1/rotations/{rotation_id}/trigger',
      async (route) => {
        const answer = await call(route, made);
        await ended();
        return answer;
      },
    ],
    ['POST /v1/rotations/{rotation_id}/secret', (route) => call(route, made)],
    ['DELETE /v1/rotations/{rotation_id}', (route) => call(route, made)],
  ];
}

function channels({ call }: Around): Act[] {
  const made: Record<string, string> = {};
  const config = { webhook_url: 'https://127.0.0.1:1/services/c4nary' };
  return [
    [
      'POST /v1/notifications/channels',
      async (route) => {
        const answer = await call(route, {}, { name: 'audited', kind: 'slack', events: ['nothing.*'], config });
        made.channel_id = answer.body.id;
        return answer;
      },
    ],
    ['POST /v1/notifications/channels/{channel_id}/test', (route) => call(route, made)],
    ['PATCH /v1/notifications/channels/{channel_id}', (route) => call(route, made, { enabled: false })],
    ['DELETE /v1/notifications/channels/{channel_id}', (route) => call(route, made)],
  ];
}
