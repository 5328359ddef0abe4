import { withoutFormer } from '../../../domain/postgrest/jwt-keys.ts';
import { openStored } from '../../../platform/secrets/open-stored.ts';
import { sealStored } from '../../../platform/secrets/seal-stored.ts';
import { startTask } from '../../../platform/temporal/start-task.ts';
import { startOf } from '../../../platform/temporal/task-run.ts';
import { insertAudit } from '../../../store/audit.ts';
import { inTransaction, type Queryable } from '../../../store/connection.ts';
import { type DatabaseRecord, lockDatabase } from '../../../store/databases.ts';
import { findJwtRotation, type JwtRotationRecord, moveJwtRotation } from '../../../store/jwt-rotations.ts';
import { beginSecretUpdate } from '../../../store/secret-updates.ts';
import { currentSecrets, databaseSecretOwner, jwtSecretId, type StoredSecret } from '../../../store/secrets.ts';
import { findTask, type TaskRecord } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { JwtRotationLook } from '../types.ts';

/** A task that is under way is looked at again after this long. */
const TASK_PAUSE_MS = 500;
/** Another operation is under way for the database: it is not waited for by the moment. */
const BUSY_PAUSE_MS = 2_000;
/** The former key stays good a little longer where it could not be taken away. */
const RETRY_MS = 60_000;
const FREE: ReadonlySet<string> = new Set(['available', 'degraded', 'failed']);

/** Moves a rotation on as far as it can be moved now. May run twice at any point: the rows say how far it is. */
export async function lookAtJwtRotation(
  deps: Pick<ControlDeps, 'db' | 'sealer' | 'workflows' | 'taskQueue' | 'log'>,
  input: { rotationId: string },
): Promise<JwtRotationLook> {
  const { look, task } = await inTransaction(deps.db, async (tx) => {
    const found = await findJwtRotation(tx, input.rotationId);
    const database = found && (await lockDatabase(tx, found.databaseId));
    // Read again under the lock.
    const rotation = await findJwtRotation(tx, input.rotationId);
    if (rotation === undefined || database === undefined) return { look: over('gone with its database') };
    return MOVES[rotation.state](deps, tx, { rotation, database });
  });
  if (task !== undefined) {
    // It is on record: should it not be started here, the reconciler does so.
    await startTask(deps.workflows, startOf(task, deps)).catch((error: unknown) =>
      deps.log.warn(
        { err: error, taskId: task.id },
        'Temporal did not take the start; the reconciler will start the task',
      ),
    );
  }
  return look;
}

interface At {
  rotation: JwtRotationRecord;
  database: DatabaseRecord;
}

interface Move {
  look: JwtRotationLook;
  /** A task whose run is to be started after the commit. */
  task?: TaskRecord;
}

type MoveOf = (deps: Pick<ControlDeps, 'sealer'>, tx: Queryable, at: At) => Promise<Move>;

const over = (end: string): JwtRotationLook => ({ state: 'over', end });
const waiting = (forMs: number, note: string): Move => ({
  look: { state: 'waiting', forMs: Math.max(1, forMs), note },
});
const ended: MoveOf = async (_deps, _tx, { rotation }) => ({ look: over(rotation.state) });

const MOVES: Readonly<Record<JwtRotationRecord['state'], MoveOf>> = {
  opening: afterOpening,
  overlap: atTheEndOfGrace,
  closing: afterClosing,
  completed: ended,
  superseded: ended,
  failed: ended,
};

async function afterOpening(_deps: Pick<ControlDeps, 'sealer'>, tx: Queryable, { rotation }: At): Promise<Move> {
  const { id, openingTask: taskId, graceSeconds } = rotation;
  const task = await findTask(tx, { taskId });
  if (task?.completedAt === null) return waiting(TASK_PAUSE_MS, 'the services learn the new key');
  if (task?.status !== 'completed' || task.completedAt === null) {
    await moveJwtRotation(tx, { id, state: 'failed', reason: task?.error ?? 'the task of its beginning is gone' });
    return { look: over('failed') };
  }
  const graceEndsAt = new Date(task.completedAt.getTime() + graceSeconds * 1_000);
  await moveJwtRotation(tx, { id, state: 'overlap', graceEndsAt });
  return waiting(graceEndsAt.getTime() - Date.now(), `both keys count until ${graceEndsAt.toISOString()}`);
}

async function atTheEndOfGrace(deps: Pick<ControlDeps, 'sealer'>, tx: Queryable, at: At): Promise<Move> {
  const { rotation, database } = at;
  const { id, serviceId, graceEndsAt } = rotation;
  const leftMs = (graceEndsAt?.getTime() ?? 0) - Date.now();
  if (leftMs > 0) return waiting(leftMs, `both keys count until ${graceEndsAt?.toISOString()}`);
  if (!FREE.has(database.state)) return waiting(BUSY_PAUSE_MS, `the database is ${database.state}`);
  const secretId = jwtSecretId(database.id, serviceId);
  const secret = (await currentSecrets(tx, [secretId])).get(secretId);
  if (secret?.version !== rotation.secretVersion) {
    await moveJwtRotation(tx, {
      id,
      state: 'superseded',
      reason: 'an update has set jwt_secret since, or has taken it away',
    });
    return { look: over('superseded') };
  }
  const task = await beginSecretUpdate(tx, { database, secret: retired(deps, at, secret), actor: rotation.actor });
  await insertAudit(tx, {
    kind: 'intent',
    actor: rotation.actor,
    action: 'database.update',
    resource: `database/${database.id}`,
    taskId: task.id,
    detail: { operation: 'database.jwt_retirement', service_id: serviceId, rotation: id },
  });
  await moveJwtRotation(tx, { id, state: 'closing', closingTask: task.id });
  return { ...waiting(TASK_PAUSE_MS, 'the services forget the former key'), task };
}

/** The next version of the secret, without the former keys. */
function retired(deps: Pick<ControlDeps, 'sealer'>, { rotation, database }: At, secret: StoredSecret): StoredSecret {
  const identity = { id: secret.id, owner: databaseSecretOwner(database.id), version: secret.version + 1 };
  return sealStored(deps.sealer, identity, withoutFormer(openStored(deps.sealer, secret), rotation));
}

async function afterClosing(_deps: Pick<ControlDeps, 'sealer'>, tx: Queryable, { rotation }: At): Promise<Move> {
  const { id, closingTask } = rotation;
  const task = closingTask === null ? undefined : await findTask(tx, { taskId: closingTask });
  if (task?.completedAt === null) return waiting(TASK_PAUSE_MS, 'the services forget the former key');
  if (task?.status === 'completed') {
    await moveJwtRotation(tx, { id, state: 'completed' });
    return { look: over('completed') };
  }
  // Taken back: both keys count as before.
  const reason = `the former key could not be taken away, and will be tried again: ${task?.error ?? 'its task is gone'}`;
  const graceEndsAt = new Date(Date.now() + RETRY_MS);
  await moveJwtRotation(tx, { id, state: 'overlap', reason, graceEndsAt });
  return waiting(RETRY_MS, reason);
}
