import { bareRequest } from '../../api/support/requests.ts';
import { makeMember } from '../../clusters/support/estate.ts';
import type { Faults } from '../../faults/support/faults.ts';
import { makePerson } from '../../support/accounts.ts';
import { taskEnded, until } from '../../support/follow.ts';
import { seedRequest } from '../../support/specs.ts';
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
    ...approvals(around),
    ...hosts(around),
    ...leasesAndTemplates(around),
  ];
}

type Around = Parameters<typeof everyChange>[0];

function databases({ call, faults, stack }: Around): Act[] {
  const database = { database_id: 'audited' };
  /** Holds a create at a step, so that there is something to cancel. */
  async function held(id: string): Promise<Record<string, string>> {
    const step = faults.hold({ subject: id, activity: 'createDatabase', when: 'before' });
    const { body } = await call('POST /v1/databases', {}, bareRequest(id));
    await step.reached;
    step.release();
    return { database_id: id, task_id: body.task.task_id };
  }
  /** A database with a service that knows a key. */
  async function withService(id: string): Promise<Record<string, string>> {
    const request = { id, port: 0, user: 'audited_keys_app', password: 'c4nary-keys' };
    const config = { jwt_secret: 'c4nary-secret-of-at-least-32-characters' };
    const { body } = await stack().call('POST', '/v1/databases', seedRequest({ ...request, config, scripts: {} }));
    await taskEnded(stack(), body.task);
    return { database_id: id };
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
    [
      'POST /v1/databases/{database_id}/services/{service_id}/jwt-rotation',
      async (route) => call(route, { ...(await withService('audited-keys')), service_id: 'api' }, { grace_seconds: 0 }),
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
    ['PUT /v1/servers/{name}/drift-policy', (route) => call(route, on, { kinds: { comment: 'ignore' } })],
    ['PUT /v1/servers/{name}/managed-document', (route) => call(route, on, { document: { roles: [{ name: 'app' }] } })],
    ['DELETE /v1/servers/{name}/managed-document', (route) => call(route, on)],
    ['POST /v1/servers/{name}/drift/check', (route) => call(route, on, {})],
    ['POST /v1/servers/{name}/maintenance', (route) => call(route, on, { enabled: true, reason: 'upgrade' })],
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

function approvals({ call, stack }: Around): Act[] {
  const made: Record<string, string> = {};
  /** A change by somebody else that waits, or by the administrator who calls. */
  async function held(
    name: string,
    by?: 'administrator',
  ): Promise<{ names: Record<string, string>; planHash: string }> {
    const asker =
      by === 'administrator' ? stack() : stack().as((await makePerson(stack(), { role: 'operator' })).credentials);
    const { body } = await asker.call('PUT', `/v1/servers/host-1/roles/${name}`, {});
    return { names: { approval_id: body.approval.id }, planHash: body.approval.plan_hash };
  }
  const policy = { name: 'audited', roles: ['audited_held_*'] };
  const word = (verdict: string): Act => [
    `POST /v1/approvals/{approval_id}/${verdict}`,
    async (route) => {
      const { names, planHash } = await held(`audited_held_${verdict}`);
      return call(route, names, { plan_hash: planHash });
    },
  ];
  return [
    [
      'POST /v1/approval-policies',
      async (route) => {
        const answer = await call(route, {}, policy);
        made.policy_id = answer.body.id;
        return answer;
      },
    ],
    ['PUT /v1/approval-policies/{policy_id}', (route) => call(route, made, { ...policy, expires_in_seconds: 600 })],
    word('approve'),
    word('reject'),
    [
      'POST /v1/approvals/{approval_id}/cancel',
      async (route) => call(route, (await held('audited_held_cancel', 'administrator')).names),
    ],
    ['DELETE /v1/approval-policies/{policy_id}', (route) => call(route, made)],
  ];
}

function hosts({ call, stack }: Around): Act[] {
  const made: Record<string, string> = { host_id: 'audited-host' };
  return [
    [
      'POST /v1/hosts/join-tokens',
      async (route) => {
        const answer = await call(route, {}, { name: 'audited' });
        made.token_id = answer.body.token.id;
        return answer;
      },
    ],
    ['DELETE /v1/hosts/join-tokens/{token_id}', (route) => call(route, made)],
    [
      'DELETE /v1/hosts/{host_id}',
      async (route) => {
        await stack().control.db.query(`INSERT INTO hosts (id) VALUES ('audited-host')`);
        return call(route, made);
      },
    ],
  ];
}

function leasesAndTemplates({ call, stack }: Around): Act[] {
  const kept: Record<string, string> = {};
  const group = 'audited_group';
  const of = () => ({ lease_id: kept.lease ?? '' });
  const template = () => ({ template_id: kept.template ?? '' });
  /** A lease whose end has failed, as it is on record. */
  async function failed(): Promise<Record<string, string>> {
    const { body } = await call('POST /v1/leases', {}, { server: 'host-1', roles: [group], reason: 'audited' });
    await stack().control.db.query(`UPDATE leases SET state = 'failed', due_at = NULL WHERE id = $1`, [body.id]);
    return { lease_id: body.id };
  }
  return [
    [
      'POST /v1/lease-templates',
      async (route) => {
        const body = { name: 'audited', server: 'host-1', roles: [group], default_ttl: 60, max_ttl: 120 };
        const answer = await call(route, {}, body);
        kept.template = answer.body.id;
        return answer;
      },
    ],
    ['PATCH /v1/lease-templates/{template_id}', (route) => call(route, template(), { quota: 3 })],
    [
      'POST /v1/leases',
      async (route) => {
        await stack().target.query(`CREATE ROLE ${group}`);
        const wish = { server: 'host-1', roles: [group], reason: 'audited', ttl: 60, max_ttl: 600 };
        const answer = await call(route, {}, wish);
        kept.lease = answer.body.id;
        return answer;
      },
    ],
    ['POST /v1/leases/{lease_id}/renew', (route) => call(route, of(), { ttl: 600 })],
    ['POST /v1/leases/{lease_id}/revoke', (route) => call(route, of())],
    ['POST /v1/leases/{lease_id}/retry', async (route) => call(route, await failed())],
    [
      'POST /v1/leases/{lease_id}/resolve',
      async (route) => call(route, await failed(), { reason: 'it was dropped by hand' }),
    ],
    ['DELETE /v1/lease-templates/{template_id}', (route) => call(route, template())],
  ];
}
