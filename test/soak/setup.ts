import type { Client } from './client.ts';
import { type Installation, SERVER, SHARED_DATABASE } from './installation.ts';
import type { Journal } from './journal.ts';
import type { Random } from './random.ts';
import { LEASE_GROUP } from './traffic/leases.ts';
import { fileOf, type Rotated } from './traffic/rotations.ts';
import { taskEnd } from './traffic/traffic.ts';
import { ENVIRONMENT } from './traffic/users.ts';

/** Seconds: what is days elsewhere. */
const EVERY = { alternating: 20, 'in-place': 10 } as const;
export const GRACE_SECONDS = 6;
/** Database with a service, for a rotation of what that logs in as. */
const BASE_DATABASE = 'soak-base';

const ROTATIONS: { role: string; strategy: Rotated['strategy']; ofDatabase?: true }[] = [
  { role: 'turn_one', strategy: 'alternating' },
  { role: 'turn_two', strategy: 'alternating' },
  { role: 'soak_base_app', strategy: 'alternating', ofDatabase: true },
  { role: 'place_one', strategy: 'in-place' },
  { role: 'place_two', strategy: 'in-place' },
];

/** Roles and databases of the target server before pgsteward is told anything. */
export interface Baseline {
  roles: string[];
  databases: string[];
}

/** What is there before the traffic begins. */
export async function registerServer(installation: Installation, client: Client): Promise<Baseline> {
  const { target } = installation;
  await target.query(`CREATE DATABASE ${SHARED_DATABASE}`);
  const { connection } = target;
  const shared = await must(
    client.call('POST', '/v1/servers', {
      name: SERVER,
      endpoints: [{ address: connection.host, port: connection.port }],
      tls: { mode: 'verify-full', ca_certificate: connection.ca },
      admin: { user: connection.adminUser, password: connection.adminPassword },
    }),
  );
  if (shared.name !== SERVER) throw new Error(`the server was registered as ${shared.name}`);
  await target.query(`CREATE ROLE ${LEASE_GROUP}`);
  return inventory(installation);
}

export async function inventory({ target }: Installation): Promise<Baseline> {
  const roles = await target.query<{ name: string }>(
    `SELECT rolname AS name FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1`,
  );
  const databases = await target.query<{ name: string }>('SELECT datname AS name FROM pg_database ORDER BY 1');
  return { roles: roles.map(({ name }) => name), databases: databases.map(({ name }) => name) };
}

/** The registry's entry, a team with the server as its cluster, and rotations. */
export async function prepare(options: {
  installation: Installation;
  client: Client;
  journal: Journal;
  random: Random;
}): Promise<{ rotated: Rotated[]; clusterId: string }> {
  const { installation, client, journal, random } = options;
  const { host: hostname, port } = installation.target.connection;
  const entry = { env: ENVIRONMENT, db_name: SHARED_DATABASE, hostname, port };
  await must(client.call('POST', '/api/v1/registry', entry));
  const clusterId = await makeCluster(client);
  await makeBase(options);
  const rotated: Rotated[] = [];
  for (const { role, strategy, ofDatabase } of ROTATIONS) {
    if (ofDatabase === undefined) {
      const password = random.password();
      journal.secret(password);
      await must(client.call('PUT', `/v1/servers/${SERVER}/roles/${role}`, { login: true, password }));
    }
    const database = ofDatabase === undefined ? SHARED_DATABASE : BASE_DATABASE.replaceAll('-', '_');
    const every = EVERY[strategy];
    const { id } = await must(
      client.call('POST', '/v1/rotations', {
        ...(ofDatabase === undefined ? { server: SERVER } : { database_id: BASE_DATABASE }),
        ...{ role, strategy, schedule: { every } },
        ...(strategy === 'alternating' ? { grace: GRACE_SECONDS, sessions: { policy: 'end' } } : {}),
        consumers: [{ kind: 'file', name: 'clients', path: `${role}.json`, database }],
      }),
    );
    journal.rotations.set(role, { id, everySeconds: every, strategy });
    rotated.push({ id, role, strategy, database, file: fileOf(installation.consumersDir, role) });
  }
  return { rotated, clusterId };
}

async function makeCluster(client: Client): Promise<string> {
  const team = await must(client.call('POST', '/v1/teams', { name: 'soak team' }));
  const { id: accountId } = await must(client.call('GET', '/v1/accounts')).then(({ accounts }) =>
    accounts.find(({ name }: { name: string }) => name === 'admin'),
  );
  await must(client.call('PUT', `/v1/teams/${team.id}/members/${accountId}`, { role: 'admin' }));
  const cluster = await must(
    client.call('POST', '/v1/clusters', { server: SERVER, team_id: team.id, name: 'soak cluster' }),
  );
  return cluster.eid;
}

async function makeBase(options: { client: Client; journal: Journal; random: Random; installation: Installation }) {
  const { client, journal, random } = options;
  const [password, jwtSecret] = [random.password(), random.password()];
  journal.secret(password);
  journal.secret(jwtSecret);
  const { task } = await must(
    client.call('POST', '/v1/databases', {
      id: BASE_DATABASE,
      spec: {
        database_name: BASE_DATABASE.replaceAll('-', '_'),
        nodes: [{ name: 'n1', host_ids: ['host-1'] }],
        database_users: [{ username: 'soak_base_app', password, db_owner: true, attributes: ['LOGIN'] }],
        services: [
          {
            ...{ service_id: 'api', service_type: 'postgrest', version: 'latest' },
            ...{ host_ids: ['host-1', 'host-2'], port: 0, connect_as: 'soak_base_app' },
            config: { db_pool: 1, jwt_secret: jwtSecret },
          },
        ],
      },
    }),
  );
  journal.accepted({ id: task.task_id, kind: 'create', entity: BASE_DATABASE });
  journal.databases.add(BASE_DATABASE);
  const closing = new AbortController().signal;
  const ended = await taskEnd({ ...options, closing }, `/v1/databases/${BASE_DATABASE}`, task.task_id);
  if (ended.status !== 'completed') throw new Error(`${BASE_DATABASE} ${ended.status}: ${ended.error}`);
}

async function must(call: ReturnType<Client['call']>) {
  const { status, body } = await call;
  if (status < 200 || status > 299) throw new Error(`the soak cannot begin: ${status} ${JSON.stringify(body)}`);
  return body;
}
