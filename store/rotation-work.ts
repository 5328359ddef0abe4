import { Failure } from '../domain/failures.ts';
import type { Queryable } from './connection.ts';
import { findRunOfTask, type RotationRun } from './rotation-runs.ts';
import { findRotation, type RotationRecord, serversOfRole } from './rotations.ts';
import { findTask } from './tasks.ts';

/** Everything that was accepted for a run of a rotation: activities act on this, never on workflow arguments (R13). */
export interface RotationWork {
  taskId: string;
  epoch: number;
  serverName: string;
  /** Servers that the password is of, {@link serverName} first. */
  servers: string[];
  actor: string;
  rotation: RotationRecord;
  run: RotationRun;
}

/** @throws StaleTask when task, run or rotation are unknown */
export async function loadRotationWork(db: Queryable, taskId: string): Promise<RotationWork> {
  const [task, run] = await Promise.all([findTask(db, { taskId }), findRunOfTask(db, taskId)]);
  const rotation = run === undefined ? undefined : await findRotation(db, run.rotationId);
  if (task === undefined || run === undefined || rotation === undefined) {
    throw new Failure('StaleTask', `task ${taskId} is unknown, or its rotation was deleted`);
  }
  const servers = await serversOfRole(db, rotation);
  return { taskId, epoch: task.epoch, serverName: rotation.serverName, servers, actor: task.actor, rotation, run };
}
