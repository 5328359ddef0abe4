import { cancellationSignal } from '@temporalio/activity';
import { actionFor } from '../../../domain/drift/policy.ts';
import { isTouched } from '../../../domain/drift/touched.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import { startTask } from '../../../platform/temporal/start-task.ts';
import { startOf } from '../../../platform/temporal/task-run.ts';
import { inTransaction } from '../../../store/connection.ts';
import { recordLook } from '../../../store/drift/looks.ts';
import { findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { DriftReport } from '../types.ts';
import {
  compareStored,
  type LoginProofs,
  openPasswords,
  type PasswordCheck,
  proofsDue,
  proveLogins,
} from './passwords.ts';
import { record } from './record.ts';
import { type DriftRecords, loadRecords } from './records.ts';
import { CONNECTIONS, type Sight, see } from './sight.ts';

/**
 * Looks at one server. A small query for each database tells whether anything has changed since it was last read as a whole; only
 * then it is. What is found is recorded, and repaired where the policy says so, by a task of its own.
 * @param input.whole reads everything and proves every password that it can, whatever was seen before
 */
export async function lookForDrift(
  deps: ControlDeps,
  input: { serverName: string; whole: boolean },
): Promise<DriftReport> {
  const { serverName, whole } = input;
  const records = await loadRecords(deps.db, serverName);
  const { intervalSeconds } = records.policy;
  try {
    return await lookAt(deps, records, input);
  } catch (error) {
    cancellationSignal().throwIfAborted();
    await recordLook(deps.db, serverName, {
      problem: reasonOf(error),
      nextInSeconds: intervalSeconds,
      observed: false,
    });
    if (whole) throw error;
    deps.log.warn({ err: error, server: serverName }, 'a server could not be looked at for drift');
    return { serverName, inspected: false, found: 0, fresh: 0, problem: reasonOf(error) };
  }
}

async function lookAt(
  deps: ControlDeps,
  records: DriftRecords,
  { serverName, whole }: { serverName: string; whole: boolean },
): Promise<DriftReport> {
  const server = await deps.targets.get(serverName);
  const signal = cancellationSignal();
  const session = { applicationName: 'pgsteward:drift', doing: `looking for drift on server ${serverName}`, signal };
  const sight = await server.reserve(session, CONNECTIONS, (lease) => see(deps, lease, { server, records, whole }));
  const passwords = await openPasswords(deps.db, deps.sealer, judgeable(sight));
  const checks = await checkStored(deps, sight, passwords);
  const proofs = await proveDue(sight, { server, passwords, whole, signal });
  const { report, taskIds } = await inTransaction(deps.db, (tx) =>
    record(deps, tx, { serverName, sight, passwords, checks, proofs, whole }),
  );
  for (const taskId of taskIds) await startRepair(deps, taskId);
  return report;
}

/** Managed roles whose password may be judged now. */
function judgeable({ records, inspected }: Sight) {
  return (inspected?.comparison.present ?? records.managed).filter(({ unsure }) => !unsure);
}

async function checkStored(
  deps: ControlDeps,
  sight: Sight,
  passwords: ReadonlyMap<string, string>,
): Promise<PasswordCheck[]> {
  const { records, inspected } = sight;
  if (inspected?.stored === undefined) return [];
  const { ended, underWay } = inspected.recent;
  return compareStored({
    sealer: deps.sealer,
    serverName: inspected.observed.name,
    roles: judgeable(sight).filter(({ name }) => !isTouched(underWay, name, 'password')),
    guarded: records.guarded,
    stored: inspected.stored,
    passwords,
    touched: (role) => isTouched(ended, role, 'password'),
    now: records.begunAt,
  });
}

async function proveDue(
  sight: Sight,
  by: { server: TargetServer; passwords: ReadonlyMap<string, string>; whole: boolean; signal: AbortSignal },
): Promise<LoginProofs> {
  const { records, facts, inspected, history } = sight;
  const { policy, guarded, begunAt: now } = records;
  const unwanted = facts.readsPasswords || actionFor(policy, 'password') === 'ignore';
  if (unwanted) return { proven: [], refused: [], untold: [] };
  const { proofSeconds } = policy;
  const underWay = inspected?.recent.underWay ?? new Map();
  const roles = judgeable(sight).filter(({ name }) => !isTouched(underWay, name, 'password'));
  const whole = by.whole || history !== 'same';
  return proveLogins({
    ...by,
    roles: proofsDue({ roles, guarded, proofSeconds, whole, now }),
    validUntil: (role) =>
      inspected?.observed.roles.get(role)?.attributes.validUntil ?? guarded.get(role)?.state.valid_until,
    now,
  });
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The task is on record: the reconciler starts what Temporal does not take now. */
async function startRepair(deps: ControlDeps, taskId: string): Promise<void> {
  const task = await findTask(deps.db, { taskId });
  if (task === undefined) return;
  try {
    await startTask(deps.workflows, startOf(task, { taskQueue: deps.taskQueue }));
  } catch (error) {
    deps.log.warn({ err: error, taskId }, 'Temporal did not take the start; the reconciler will start the task');
  }
}
