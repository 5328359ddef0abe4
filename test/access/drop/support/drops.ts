import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import pg from 'pg';
import { pino } from 'pino';
import { inject } from 'vitest';
import type { ControlDeps } from '../../../../activities/control/deps.ts';
import { dropRole } from '../../../../activities/control/drop-role/drop-role.ts';
import { endSessionsOfRole, lockOutRole } from '../../../../activities/control/drop-role/lock-out-role.ts';
import { previewDrop } from '../../../../activities/control/drop-role/preview-drop.ts';
import { type DropReceipt, proveDropped } from '../../../../activities/control/drop-role/prove-dropped.ts';
import { reassignOwned } from '../../../../activities/control/drop-role/reassign-owned.ts';
import { reportLockedOut } from '../../../../activities/control/drop-role/report-locked-out.ts';
import { revokeFromRole } from '../../../../activities/control/drop-role/revoke-from-role.ts';
import type { TaskRef } from '../../../../activities/control/types.ts';
import { readConfig } from '../../../../platform/config/read-config.ts';
import type { TargetAddress } from '../../../../platform/target/target-server.ts';
import { insertRequest, newTaskId } from '../../../../store/accepted-requests.ts';
import { findResult } from '../../../../store/server-work.ts';
import { openControlPlane } from '../../../../worker/control-plane.ts';
import { registerServer } from '../../../../worker/register-server.ts';
import type { VersionedServer } from '../../../support/versions.ts';

const ACTIVITIES = {
  previewDrop,
  lockOutRole,
  endSessionsOfRole: (deps: ControlDeps, input: TaskRef) => endSessionsOfRole(deps, { ...input, end: true }),
  revokeFromRole,
  reassignOwned,
  dropRole,
  proveDropped,
  reportLockedOut,
};

/** Steps of a drop, in order. */
export const STEPS = [
  'previewDrop',
  'lockOutRole',
  'endSessionsOfRole',
  'revokeFromRole',
  'reassignOwned',
  'dropRole',
  'proveDropped',
] as const satisfies (keyof typeof ACTIVITIES)[];
export type DropStep = (typeof STEPS)[number];

export interface DropOptions {
  heir?: string;
  reassign_owned?: boolean;
  drain_seconds?: number;
  force?: boolean;
}

/** Drops on one server without a workflow: each step is called as a worker would, as often as a test likes. */
export interface Drops {
  deps: ControlDeps;
  serverName: string;
  /** Which of the server's admin roles acts from now on. */
  actAs(admin: 'superuser' | 'limited'): Promise<void>;
  /** Accepts a drop. */
  accept(role: string, options?: DropOptions): Promise<TaskRef>;
  /** Calls one step; `attempt` above 1 is a repetition after a crash. `deps` other than the usual ones break in the middle. */
  step(
    task: TaskRef,
    step: DropStep | 'reportLockedOut',
    options?: { attempt?: number; deps?: ControlDeps },
  ): Promise<void>;
  /** Calls steps up to and including `last`. */
  steps(task: TaskRef, options?: { from?: DropStep; to?: DropStep }): Promise<void>;
  receipt(task: TaskRef): Promise<DropReceipt>;
  /** Accepts a drop and performs it. @returns its receipt */
  drop(role: string, options?: DropOptions): Promise<DropReceipt>;
  stop(): Promise<void>;
}

export async function startDrops(server: VersionedServer): Promise<Drops> {
  const { metadata } = inject('servers');
  const database = `drops_${process.pid}_${server.major}_${Date.now().toString(36)}`;
  const home = await mkdtemp(join(tmpdir(), 'pgsteward-drops-'));
  await onMetadata(metadata, `CREATE DATABASE ${database}`);
  const { config } = readConfig({
    PGSTEWARD_HOME: home,
    PGSTEWARD_METADATA_URL: `postgres://${metadata.user}@${metadata.host}:${metadata.port}/${database}`,
  });
  const log = pino({ level: 'silent' });
  const control = await openControlPlane(config, { ...metadata, database }, log);
  const serverName = server.address.name;
  const register = (address: TargetAddress) => registerServer(control, { hostId: 'host-1', address });
  await register(server.address);
  const deps = {
    ...control,
    workflows: undefined as never,
    taskQueue: 'none',
    groupRefreshMs: null,
    retention: config.retention.days,
    leaseAttempts: 2,
    consumersDir: null,
    handover: { hours: 24, publicUrl: null },
    allowedRoles: new Set<string>(),
    taskTimeoutMs: 60_000,
    drainMs: 0,
    monitor: { graceMs: 30_000, freshMs: 60_000 },
    log,
  } satisfies ControlDeps;

  const drops: Drops = {
    deps,
    serverName,
    actAs: (admin) => register(admin === 'limited' ? server.limited : server.address),
    async accept(role, options = {}) {
      const taskId = newTaskId();
      await insertRequest(control.db, {
        taskId,
        serverName,
        type: 'drop_role',
        requestHash: 'of a test',
        document: { role, reassign_owned: false, drain_seconds: 0, force: false, ...options },
        planHash: null,
        options: {},
        secrets: [],
        audit: { actor: 'test' },
      });
      return { taskId, epoch: 0 };
    },
    async step(task, step, options = {}) {
      const logger = new DefaultLogger('ERROR');
      const environment = new MockActivityEnvironment({ attempt: options.attempt ?? 1 }, { logger });
      await environment.run(() => ACTIVITIES[step](options.deps ?? deps, task));
    },
    async steps(task, { from = 'previewDrop', to = 'proveDropped' } = {}) {
      for (const step of STEPS.slice(STEPS.indexOf(from), STEPS.indexOf(to) + 1)) await drops.step(task, step);
    },
    async receipt({ taskId }) {
      const result = await findResult(control.db, taskId);
      if (result?.receipt === undefined) throw new Error('there is no receipt');
      return result.receipt as DropReceipt;
    },
    async drop(role, options) {
      const task = await drops.accept(role, options);
      await drops.steps(task);
      return drops.receipt(task);
    },
    async stop() {
      await control.close();
      await onMetadata(metadata, `DROP DATABASE ${database} WITH (FORCE)`);
      await rm(home, { recursive: true, force: true });
    },
  };
  return drops;
}

/** The same, but the worker dies right after a step's effect: before the journal knows that it has ended. */
export function dyingBeforeTheEnd(deps: ControlDeps): ControlDeps {
  const db = new Proxy(deps.db, {
    get(pool, property, receiver) {
      if (property !== 'query') return Reflect.get(pool, property, receiver);
      return (query: string | pg.QueryConfig, values?: unknown[]) => {
        const text = typeof query === 'string' ? query : query.text;
        if (text.includes(`SET state = 'done'`)) return Promise.reject(new Error('the worker died'));
        return pool.query(query, values);
      };
    },
  });
  return { ...deps, db };
}

async function onMetadata(
  server: { host: string; port: number; user: string; password: string },
  sql: string,
): Promise<void> {
  const client = new pg.Client({ ...server, database: 'postgres' });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
