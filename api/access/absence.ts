/** How what is not there is answered, route by route: whatever lies outside of a caller's scope is answered in the same way (R6). */
import type { Context } from 'hono';
import type { ScopeKind } from '../../domain/authority/scope.ts';
import { noSuchDatabase } from '../databases/absent.ts';
import { noSuchEnvironment } from '../policies/absent.ts';
import { noSuchServer } from '../servers/require-server.ts';
import { noSuchTask, notCancellable } from '../tasks/absent.ts';

/** Answers, or throws what the handler would throw. */
type Absent = (c: Context, name: string) => Response;

export const ABSENCES = {
  database: () => {
    throw noSuchDatabase();
  },
  server: (_c, name) => {
    throw noSuchServer(name);
  },
  environment: (_c, name) => {
    throw noSuchEnvironment(name);
  },
  task: () => {
    throw noSuchTask();
  },
  /** Lists of tasks are answered for what was deleted, too; what never was has none. */
  no_tasks: (c) => c.json({ tasks: [] }, 200),
  cancellable_task: () => {
    throw notCancellable(undefined);
  },
} as const satisfies Record<string, Absent>;

export type Absence = keyof typeof ABSENCES;

/** For routes that say nothing else. */
export const USUAL_ABSENCE: Readonly<Record<ScopeKind, Absence>> = {
  environments: 'environment',
  servers: 'server',
  databases: 'database',
};
