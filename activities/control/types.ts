import type { ControlUndoName } from '../../domain/steps.ts';
import type { DatabaseActivities } from './types/database.ts';
import type { FailoverActivities } from './types/failover.ts';
import type { InstallationActivities } from './types/installation.ts';
import type { NotificationActivities } from './types/notification.ts';
import type { RotationActivities } from './types/rotation.ts';
import type { ServerActivities } from './types/server.ts';
import type { TaskRef } from './types/task.ts';

export type * from './types/database.ts';
export type * from './types/failover.ts';
export type * from './types/installation.ts';
export type * from './types/notification.ts';
export type * from './types/rotation.ts';
export type * from './types/server.ts';
export type * from './types/task.ts';

/** Undoes a step of a task. */
type Undo = (input: TaskRef) => Promise<void>;

/** Activities of the control workers: everything that touches target servers or the metadata database. */
export interface ControlActivities
  extends Record<ControlUndoName, Undo>,
    DatabaseActivities,
    ServerActivities,
    RotationActivities,
    FailoverActivities,
    NotificationActivities,
    InstallationActivities {}
