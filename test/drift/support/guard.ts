import { randomUUID } from 'node:crypto';
import { CONTROL_TASK_QUEUE } from '../../../domain/identifiers.ts';
import { insertSecrets } from '../../../store/secrets.ts';
import type { Engine } from '../../access/engine/support/engine.ts';
import { until } from '../../support/follow.ts';

/** A finding as the API shows it. */
export interface Finding {
  finding_id: string;
  kind: string;
  source: string;
  role?: string;
  object?: string;
  expected: string;
  found: string;
  state: string;
  held_back?: string;
  repairs: number;
  task_id?: string;
}

/** The drift guard of one server. */
export interface Guard {
  /** Looks at the whole server and waits for the end of the task. */
  check(body?: object): Promise<{ found: number; fresh: number; repair_task_ids?: string[]; held_back?: string }>;
  /** The same, then waits for what it repairs, and looks again. */
  checkAndRepair(): Promise<void>;
  /** Runs what the schedule runs, with this server due. @returns whether it was read as a whole */
  tick(): Promise<{ inspected: boolean; problem?: string }>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  drift(query?: string): Promise<any>;
  findings(query?: string): Promise<Finding[]>;
  policy(kinds: Record<string, string>, more?: object): Promise<void>;
  maintenance(body: object): Promise<void>;
}

export function guardOf(engine: Engine, server: string): Guard {
  const { stack } = engine;
  const base = `/v1/servers/${server}`;
  async function ended(taskId: string) {
    return until(async () => {
      const { body } = await stack.call('GET', `${base}/tasks/${taskId}`);
      return ['completed', 'failed', 'canceled'].includes(body.status) ? body : undefined;
    }, 90_000);
  }
  const guard: Guard = {
    async check(body = {}) {
      const { status, body: answer } = await stack.call('POST', `${base}/drift/check`, body);
      if (status !== 202) throw new Error(`the check was refused: ${status} ${answer.message}`);
      const task = await ended(answer.task.task_id);
      if (task.status !== 'completed') throw new Error(`the check ended as ${task.status}: ${task.error}`);
      return task.result;
    },
    async checkAndRepair() {
      const { repair_task_ids: tasks = [] } = await guard.check();
      for (const task of tasks) {
        const { status, error } = await ended(task);
        if (status !== 'completed') throw new Error(`the repair ended as ${status}: ${error}`);
      }
      await guard.check();
    },
    async tick() {
      await stack.control.db.query(
        `UPDATE drift_looks SET next_look_at = CASE WHEN server_name = $1 THEN now() ELSE now() + interval '1 day' END`,
        [server],
      );
      const { looked } = await stack.temporal.client.workflow.execute('watchDrift', {
        workflowId: `watch-drift-${randomUUID()}`,
        taskQueue: CONTROL_TASK_QUEUE,
        args: [],
      });
      const [report, ...others] = looked;
      if (report === undefined || others.length > 0) throw new Error(`looked at ${looked.length} servers`);
      return report;
    },
    async drift(query = '') {
      const { status, body } = await stack.call('GET', `${base}/drift${query}`);
      if (status !== 200) throw new Error(`drift was refused: ${status} ${body.message}`);
      return body;
    },
    findings: async (query) => (await guard.drift(query)).findings,
    async policy(kinds, more = {}) {
      const { status, body } = await stack.call('PUT', `${base}/drift-policy`, { kinds, ...more });
      if (status !== 200) throw new Error(`the policy was refused: ${status} ${body.message}`);
    },
    async maintenance(body) {
      const { status, body: answer } = await stack.call('POST', `${base}/maintenance`, body);
      if (status !== 200) throw new Error(`maintenance was refused: ${status} ${answer.message}`);
    },
  };
  return guard;
}

/** Keeps the password of a role sealed, as that of a user of a managed database is. */
export async function keepPassword(
  { stack }: Engine,
  of: { server: string; role: string; password: string },
): Promise<void> {
  const { db, sealer } = stack.control;
  const identity = { secretId: `database/kept/user/${of.server}/${of.role}`, owner: 'database/kept', version: 1 };
  const { keyId, bytes } = sealer.seal(identity, of.password);
  await insertSecrets(db, [{ id: identity.secretId, owner: identity.owner, version: 1, keyId, sealed: bytes }]);
  await db.query('UPDATE credentials SET secret_id = $3, version = 1 WHERE server_name = $1 AND role_name = $2', [
    of.server,
    of.role,
    identity.secretId,
  ]);
}
