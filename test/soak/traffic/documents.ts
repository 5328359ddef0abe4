import { SERVER, SHARED_DATABASE } from '../installation.ts';
import { again, counted, pause, type Traffic, taskEnd, unexpected } from './traffic.ts';

const PAUSE_MS = 2_000;
/** Roles without login that documents make. */
export const GROUPS = ['doc_readers', 'doc_writers', 'doc_auditors'];
const LOGINS = ['doc_anna', 'doc_bert', 'doc_cleo', 'doc_dora'];
const PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

/** The document that was applied last: at the end its plan is empty. */
export interface AppliedDocument {
  last: object | undefined;
}

/** Applies documents of roles, memberships and grants, each another one. */
export async function documents(traffic: Traffic, applied: AppliedDocument): Promise<void> {
  const { random, client, journal } = traffic;
  await again(traffic, async () => {
    const passwords = new Map(LOGINS.map((name) => [name, random.password()]));
    for (const password of passwords.values()) journal.secret(password);
    const document = {
      roles: [
        ...GROUPS.map((name) => ({ name, login: false })),
        ...LOGINS.map((name) => ({
          ...{ name, login: true, password: passwords.get(name), connection_limit: random.int(5, 50) },
          member_of: GROUPS.filter(() => random.chance(0.5)),
        })),
      ],
      databases: [
        {
          name: SHARED_DATABASE,
          grants: [
            { on: { kind: 'database' }, privileges: ['CONNECT'], to: GROUPS },
            { on: { kind: 'schema', names: ['public'] }, privileges: ['USAGE'], to: GROUPS },
            ...GROUPS.map((group) => ({
              on: { kind: 'table', schema: 'public', names: ['shared_items'] },
              privileges: [random.pick(PRIVILEGES)],
              to: [group],
            })),
          ],
        },
      ],
    };
    await counted(
      traffic,
      'apply',
      async () => {
        const answer = await client.call('POST', `/v1/servers/${SERVER}/apply`, { document });
        const taskId = answer.body?.task?.task_id;
        if (answer.status !== 202 || taskId === undefined) {
          unexpected(traffic, 'apply', answer);
          return { status: 'refused', taskId };
        }
        journal.accepted({ id: taskId, kind: 'apply', entity: SERVER });
        const task = await taskEnd(traffic, `/v1/servers/${SERVER}`, taskId);
        if (task.status !== 'completed') {
          journal.violation(`apply ${task.status}: ${task.error}`);
          return { status: task.status, taskId };
        }
        applied.last = document;
        for (const [user, password] of passwords) journal.handedOut({ user, password, database: SHARED_DATABASE });
        return { status: task.status, taskId };
      },
      ({ status, taskId }) => ({ end: status === 'completed' ? 'ok' : 'failed', about: `task ${taskId}` }),
    );
    await pause(traffic, PAUSE_MS);
  });
}
