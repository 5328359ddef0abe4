import { until } from '../../../support/follow.ts';
import { startTestStack, type TestStack } from '../../../support/stack.ts';
import type { VersionedServer } from '../../../support/versions.ts';

/** Which of a server's admin roles an installation uses. */
export type AdminKind = 'superuser' | 'limited';

/** An installation with servers of any version registered in it. */
export interface Engine {
  stack: TestStack;
  /** Registers a server under a name. */
  register(name: string, server: VersionedServer, as: AdminKind, settings?: Record<string, unknown>): Promise<void>;
  /** The plan of a document. @throws Error with the refusal */
  plan(server: string, document: unknown): Promise<PlanAnswer>;
  /** Applies a document and waits for the end of its task. */
  apply(server: string, document: unknown, more?: Record<string, unknown>): Promise<TaskAnswer>;
  /** Applies a document that must succeed. */
  applied(server: string, document: unknown, more?: Record<string, unknown>): Promise<TaskAnswer>;
  exported(server: string, databases?: readonly string[]): Promise<unknown>;
  stop(): Promise<void>;
}

export interface PlanAnswer {
  hash: string;
  empty: boolean;
  steps: { database: string | null; action: string; summary: string; sql: string[]; changes: number }[];
  refusals: { path: string; message: string; remedy?: string }[];
  notes: string[];
  impact: { gained: ImpactEntry[]; lost: ImpactEntry[]; sessions: { role: string; sessions: number }[] };
}

export interface ImpactEntry {
  database: string;
  object: string;
  logins: string[];
  through: string[];
  sentence: string;
}

export interface TaskAnswer {
  task_id: string;
  status: string;
  error?: string;
  result?: Record<string, unknown>;
}

const TASK_BOUND_MS = 90_000;

/** Starts an installation for tests of the role engine. */
export async function startEngine(): Promise<Engine> {
  const stack = await startTestStack({ runtime: 'process' });
  const engine: Engine = {
    stack,
    async register(name, server, as, settings = {}) {
      const { address, tls, user, password } = registrationOf(server, as);
      const { status, body } = await stack.call('POST', '/v1/servers', {
        name,
        endpoints: address,
        tls,
        admin: { user, password },
        settings,
      });
      if (status !== 201) throw new Error(`server ${name} was refused: ${status} ${JSON.stringify(body)}`);
    },
    async plan(server, document) {
      const { status, body } = await stack.call('POST', `/v1/servers/${server}/plan`, { document });
      if (status !== 200) throw new Error(`the plan was refused: ${status} ${body.message}`);
      return body;
    },
    async apply(server, document, more = {}) {
      const { status, body } = await stack.call('POST', `/v1/servers/${server}/apply`, { document, ...more });
      if (status !== 202) throw new Error(`the document was refused: ${status} ${body.message}`);
      return until(async () => {
        const answer = await stack.call('GET', `/v1/servers/${server}/tasks/${body.task.task_id}`);
        return ['completed', 'failed', 'canceled'].includes(answer.body.status) ? answer.body : undefined;
      }, TASK_BOUND_MS);
    },
    async applied(server, document, more) {
      const task = await engine.apply(server, document, more);
      if (task.status !== 'completed') throw new Error(`the document was not applied: ${task.error}`);
      return task;
    },
    async exported(server, databases = []) {
      const query = databases.map((name) => `database=${encodeURIComponent(name)}`).join('&');
      const { status, body } = await stack.call('GET', `/v1/servers/${server}/document?${query}`);
      if (status !== 200) throw new Error(`the export was refused: ${status} ${body.message}`);
      return body.document;
    },
    stop: () => stack.stop(),
  };
  return engine;
}

function registrationOf(server: VersionedServer, as: AdminKind) {
  const { endpoints, tls, adminUser, adminPassword } = as === 'superuser' ? server.address : server.limited;
  return {
    address: endpoints,
    tls: { mode: tls.mode, ca_certificate: tls.caCertificate },
    user: adminUser,
    password: adminPassword,
  };
}
