import { again, counted, pause, type ShownTask, type Traffic, taskEnd, unexpected } from './traffic.ts';

/** A user as a specification lists it, with the password that it has by now. */
interface User {
  username: string;
  password: string;
  owner: boolean;
}

/** A database as its client wants it. */
interface Wanted {
  id: string;
  users: User[];
  hosts: string[];
  config: Record<string, unknown>;
  /** A script that no server carries out: what was made has to go again. */
  broken: boolean;
}

const HOST_IDS = ['host-1', 'host-2'];
const NO_SUCH_TABLE = 'INSERT INTO no_such_table VALUES (1)';
/** A PostgREST that is killed while it is changed: the change is given up and taken back. */
const KILLED_MEANWHILE = /is not ready: it (has ended|ended while it reloaded)/;
const PAUSE_MS = 1_500;
const CHANGES = 3;

const nameOf = (id: string) => id.replaceAll('-', '_');

/**
 * Makes a database with users and a PostgREST service, changes it, and deletes it, over and over. Some requests cannot succeed, some
 * are cancelled, some deletes are forced: then everything goes again.
 */
export async function databases(traffic: Traffic, slot: number): Promise<void> {
  let made = 0;
  await again(traffic, async () => {
    made += 1;
    await oneLife(traffic, `soak-${slot}${String(made).padStart(4, '0')}`);
    await pause(traffic, PAUSE_MS);
  });
}

async function oneLife(traffic: Traffic, id: string): Promise<void> {
  const { random, journal, closing } = traffic;
  let now = first(traffic, id);
  journal.databases.add(id);
  const created = await create(traffic, now, random.chance(0.1));
  // A change that its client cancels leaves the database as failed, until the next one.
  let isWell = created.status === 'completed';
  if (isWell) {
    tell(traffic, now);
    for (let change = random.int(0, CHANGES); change > 0 && !closing.aborted; change -= 1) {
      await pause(traffic, PAUSE_MS);
      const next = changed(traffic, now);
      const { status } = await update(traffic, next);
      isWell = status === 'completed';
      if (isWell) {
        now = { ...next, broken: false };
        tell(traffic, now);
      }
    }
    await pause(traffic, PAUSE_MS);
  }
  // At the end of the run some are to be there.
  if (closing.aborted && isWell) return;
  await remove(traffic, id, random.chance(0.2));
  for (const { username } of now.users) journal.gone(username);
  journal.databases.delete(id);
}

function first({ random }: Traffic, id: string): Wanted {
  const name = nameOf(id);
  return {
    id,
    users: [
      { username: `${name}_app`, password: random.password(), owner: true },
      { username: `${name}_reports`, password: random.password(), owner: false },
    ],
    hosts: random.chance(0.3) ? HOST_IDS : [random.pick(HOST_IDS)],
    config: { db_pool: 1, max_rows: random.int(1, 1000), jwt_secret: random.password() },
    broken: random.chance(0.1),
  };
}

/** What `PostgREST` reads again, what needs another process, another host, another user, another password. */
function changed({ random }: Traffic, now: Wanted): Wanted {
  const others = HOST_IDS.filter((id) => !now.hosts.includes(id));
  const spare = `${nameOf(now.id)}_spare`;
  const hasSpare = now.users.some(({ username }) => username === spare);
  const ways: (() => Partial<Wanted>)[] = [
    () => ({ config: { ...now.config, max_rows: random.int(1, 1000) } }),
    () => ({ config: { ...now.config, db_pool: now.config.db_pool === 1 ? 2 : 1 } }),
    () => ({ hosts: others.length > 0 ? [...now.hosts, ...others] : [random.pick(HOST_IDS)] }),
    () => ({
      users: hasSpare
        ? now.users.filter(({ username }) => username !== spare)
        : [...now.users, { username: spare, password: random.password(), owner: false }],
    }),
    () => ({ users: now.users.map((user) => ({ ...user, password: random.password() })) }),
  ];
  return { ...now, ...random.pick(ways)() };
}

function requestOf({ id, users, hosts, config, broken }: Wanted) {
  return {
    id,
    spec: {
      database_name: nameOf(id),
      nodes: [{ name: 'n1', host_ids: ['host-1'] }],
      database_users: users.map(({ username, password, owner }) => ({
        ...{ username, password, attributes: ['LOGIN'] },
        ...(owner ? { db_owner: true } : {}),
      })),
      scripts: {
        post_database_create: ['CREATE TABLE public.items (id int)', ...(broken ? [NO_SUCH_TABLE] : [])],
      },
      services: [
        {
          ...{ service_id: 'api', service_type: 'postgrest', version: 'latest' },
          ...{ host_ids: hosts, port: 0, connect_as: users[0]?.username, config },
        },
      ],
    },
  };
}

async function create(traffic: Traffic, wanted: Wanted, cancelled: boolean): Promise<ShownTask> {
  for (const { password } of wanted.users) traffic.journal.secret(password);
  traffic.journal.secret(String(wanted.config.jwt_secret));
  const kind = wanted.broken ? 'create that fails' : cancelled ? 'create, cancelled' : 'create';
  const request = () => traffic.client.call('POST', '/v1/databases', requestOf(wanted));
  return follow(traffic, { kind, id: wanted.id, request, cancelled, mayFail: wanted.broken });
}

async function update(traffic: Traffic, wanted: Wanted): Promise<ShownTask> {
  for (const { password } of wanted.users) traffic.journal.secret(password);
  const { spec } = requestOf(wanted);
  const cancelled = traffic.random.chance(0.1);
  const request = () => traffic.client.call('POST', `/v1/databases/${wanted.id}`, { spec });
  const kind = cancelled ? 'update, cancelled' : 'update';
  return follow(traffic, { kind, id: wanted.id, request, cancelled, mayFail: false });
}

async function remove(traffic: Traffic, id: string, force: boolean): Promise<void> {
  const request = () => traffic.client.call('DELETE', `/v1/databases/${id}${force ? '?force=true' : ''}`);
  await follow(traffic, { kind: force ? 'delete, forced' : 'delete', id, request, cancelled: false, mayFail: false });
}

async function follow(
  traffic: Traffic,
  of: {
    kind: string;
    id: string;
    request: () => ReturnType<Traffic['client']['call']>;
    cancelled: boolean;
    mayFail: boolean;
  },
): Promise<ShownTask> {
  const { kind, id, request, cancelled, mayFail } = of;
  const { journal, client } = traffic;
  const path = `/v1/databases/${id}`;
  return counted(
    traffic,
    kind,
    async () => {
      const answer = await request();
      const taskId = answer.body?.task?.task_id;
      if (answer.status !== 200 || taskId === undefined) {
        unexpected(traffic, kind, answer);
        return { task_id: '', status: 'refused', isUndone: false };
      }
      journal.accepted({ id: taskId, kind, entity: id });
      if (cancelled) {
        await pause(traffic, PAUSE_MS);
        // One that has ended meanwhile cannot be cancelled any more.
        await client.call('POST', `${path}/tasks/${taskId}/cancel`);
      }
      const task = await taskEnd(traffic, path, taskId);
      const isUndone = task.status === 'failed' && KILLED_MEANWHILE.test(task.error ?? '');
      if (task.status === 'failed' && !mayFail && !isUndone) journal.violation(`${kind} failed: ${task.error}`);
      return { ...task, isUndone };
    },
    ({ status, task_id, isUndone }) => ({
      end: status === 'completed' ? 'ok' : cancelled || mayFail || isUndone ? 'undone' : 'failed',
      about: `${id}, task ${task_id}`,
    }),
  );
}

function tell({ journal }: Traffic, { id, users }: Wanted): void {
  const before = [...journal.logins.values()].filter(({ database }) => database === nameOf(id));
  for (const { user } of before) if (!users.some(({ username }) => username === user)) journal.gone(user);
  for (const { username: user, password } of users) journal.handedOut({ user, password, database: nameOf(id) });
}
