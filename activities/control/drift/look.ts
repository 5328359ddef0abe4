import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { cancellationSignal } from '@temporalio/activity';
import { parseDocument } from '../../../domain/access/document/parse.ts';
import type { ObservedServer } from '../../../domain/access/observed.ts';
import { type DatabaseScope, documentScope } from '../../../domain/access/scope.ts';
import { DRIFT_ACTOR } from '../../../domain/drift/actor.ts';
import type { DriftFinding } from '../../../domain/drift/finding.ts';
import { type HistoryVerdict, judgeHistory } from '../../../domain/drift/history.ts';
import { type Judgement, judgeFindings, type KnownFinding } from '../../../domain/drift/judge.ts';
import { actionFor, type DriftKind, repairsAnything } from '../../../domain/drift/policy.ts';
import type { Repairable } from '../../../domain/drift/repair.ts';
import { isTouched, type Touched } from '../../../domain/drift/touched.ts';
import { observeCluster, observeDatabases } from '../../../platform/access/observe.ts';
import { type SessionFacts, sessionFacts } from '../../../platform/target/catalog/cluster.ts';
import {
  glanceAtDatabase,
  glanceAtServer,
  type ServerGlance,
  storedPasswords,
} from '../../../platform/target/catalog/fingerprint.ts';
import type { ConnectionLease, TargetServer } from '../../../platform/target/target-server.ts';
import { startTask } from '../../../platform/temporal/start-task.ts';
import { startOf } from '../../../platform/temporal/task-run.ts';
import { insertAudit } from '../../../store/audit.ts';
import { inTransaction, type Queryable } from '../../../store/connection.ts';
import { foreignRoles } from '../../../store/credentials.ts';
import { endFindings, holdBack, knownFindings, noteRepair, recordFindings } from '../../../store/drift/findings.ts';
import { forgetProofs, type GuardedRole, keepGuarded, noteProven } from '../../../store/drift/guarded-roles.ts';
import { type DriftLook, lockLook, recordLook } from '../../../store/drift/looks.ts';
import { recentRequests } from '../../../store/drift/requests.ts';
import { recordSightings } from '../../../store/drift/sightings.ts';
import { maintenanceText } from '../../../store/maintenance.ts';
import { findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { DriftReport } from '../types.ts';
import { type Comparison, compareServer, guardedRole } from './compare.ts';
import {
  compareStored,
  type LoginProofs,
  openPasswords,
  type PasswordCheck,
  proofsDue,
  proveLogins,
} from './passwords.ts';
import { type DriftRecords, loadRecords, type RecentChanges, recentChanges } from './records.ts';
import { type Authority, acceptRepair, planRepair } from './repair.ts';

/** One connection reads what belongs to the server, the other one database after the other. */
const CONNECTIONS = 2;
/** Findings that are kept of one server; the summary counts the others. */
const MAX_FINDINGS = 2_000;
/** Something is under way: its end is looked at soon. */
const SOON_SECONDS = 10;
/** Nobody has looked for this long, and for several intervals: what changed meanwhile may have been meant. */
const BLIND_MS = 3_600_000;
const BLIND_INTERVALS = 6;

/** Everything that one look has read. */
interface Sight {
  records: DriftRecords;
  facts: SessionFacts;
  glance: ServerGlance;
  fingerprints: Record<string, string>;
  history: HistoryVerdict;
  /** Undefined where nothing has changed. */
  inspected: Inspection | undefined;
}

interface Inspection {
  observed: ObservedServer;
  recent: RecentChanges;
  comparison: Comparison;
  stored: ReadonlyMap<string, string | null> | undefined;
}

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

async function see(
  deps: ControlDeps,
  lease: ConnectionLease,
  { server, records, whole }: { server: TargetServer; records: DriftRecords; whole: boolean },
): Promise<Sight> {
  const { look, document } = records;
  const { client } = await lease.connect();
  const facts = await sessionFacts(client);
  const glance = await glanceAtServer(client, facts);
  const parsed = document === undefined ? undefined : parseDocument(document.document);
  const scopes = parsed?.ok ? documentScope(parsed.document) : [];
  const fingerprints = { '': glance.fingerprint, ...(await glanceAtDatabases(lease, scopes, glance)) };
  const history = judgeHistory(look?.history ?? null, glance.history, server.address.endpoints.length > 1);
  const sight = { records, facts, glance, fingerprints, history };
  const same =
    look?.inspectedAt != null &&
    look.basis === records.basis &&
    history === 'same' &&
    JSON.stringify(sorted(look.fingerprints)) === JSON.stringify(sorted(fingerprints));
  if (same && !whole) return { ...sight, inspected: undefined };
  const cluster = await observeCluster(client, { serverName: server.name, facts });
  const observed = await observeDatabases(lease, { cluster, scopes, parallel: CONNECTIONS - 1 });
  const since = look?.inspectedAt ?? document?.recordedAt ?? records.begunAt;
  const requests = await recentRequests(deps.db, { serverName: server.name, since, also: look?.underWay ?? [] });
  const recent = recentChanges(requests, records.managed, records.begunAt);
  const comparison = compareServer(records, recent, observed);
  const names = comparison.present.map(({ name }) => name);
  const stored = facts.readsPasswords ? await storedPasswords(client, names) : undefined;
  return { ...sight, inspected: { observed, recent, comparison, stored } };
}

async function glanceAtDatabases(
  lease: ConnectionLease,
  scopes: readonly DatabaseScope[],
  { databases }: ServerGlance,
): Promise<Record<string, string>> {
  const seen: Record<string, string> = {};
  for (const { name } of scopes) {
    // The inspection says what that means.
    if (!databases.includes(name)) seen[name] = 'absent';
    else {
      const connection = await lease.connect({ database: name });
      seen[name] = await glanceAtDatabase(connection.client);
      await connection.release();
    }
  }
  return seen;
}

const sorted = (of: Record<string, string>): [string, string][] =>
  Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1));

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

interface Seen {
  serverName: string;
  sight: Sight;
  passwords: ReadonlyMap<string, string>;
  checks: readonly PasswordCheck[];
  proofs: LoginProofs;
  whole: boolean;
}

/** Records what was seen, in one transaction with what follows from it. Two looks at a time record one after the other. */
async function record(
  deps: ControlDeps,
  tx: Queryable,
  seen: Seen,
): Promise<{ report: DriftReport; taskIds: string[] }> {
  const { serverName, sight, checks, proofs } = seen;
  const { records, glance, inspected } = sight;
  const current = await lockLook(tx, serverName);
  const nothing = { serverName, inspected: false, found: 0, fresh: 0 };
  // Somebody else has read the server later than this look did.
  if (current.inspectedAt !== null && current.inspectedAt > records.begunAt) return { report: nothing, taskIds: [] };
  await recordSightings(tx, { serverName, roles: glance.sessions });
  const heldBack = heldBackBy(current, sight);
  const superseded = supersededBy(current, sight);
  const found = [
    ...(inspected?.comparison.findings ?? []),
    ...checks.flatMap(({ finding }) => finding ?? []),
    ...proofs.refused,
  ];
  const known = await knownFindings(tx, serverName);
  const hashed = found.slice(0, MAX_FINDINGS).map((finding) => ({ ...finding, key: keyHash(finding) }));
  const judgement = judgeFindings({
    found: hashed,
    known,
    policy: records.policy,
    restraint: restraintOf(seen, { heldBack, superseded }),
    leftOut: (finding) => found.length > MAX_FINDINGS || isLeftOut(finding, seen),
    now: records.begunAt,
  });
  await recordFindings(
    tx,
    serverName,
    judgement.seen.map((judged) => ({ ...judged, keyHash: judged.finding.key })),
  );
  await endFindings(tx, judgement.gone);
  if (sight.history !== 'same') await forgetProofs(tx, serverName);
  await keepSnapshots(tx, seen);
  const taskIds = await repair(deps, tx, seen, judgement.repair);
  await audit(tx, serverName, {
    judgement,
    // It is news only where something would be repaired.
    heldBack: current.heldBack === null && repairsAnything(records.policy) ? heldBack : null,
  });
  const busy = (inspected?.recent.underWay.size ?? 0) > 0;
  await recordLook(tx, serverName, {
    problem: null,
    observed: true,
    nextInSeconds:
      busy || taskIds.length > 0
        ? Math.min(SOON_SECONDS, records.policy.intervalSeconds)
        : records.policy.intervalSeconds,
    history: glance.history,
    metadata: records.metadata,
    ...(heldBack === current.heldBack ? {} : { heldBack }),
    ...(inspected === undefined
      ? {}
      : {
          inspectedAt: records.begunAt,
          fingerprints: sight.fingerprints,
          // What was under way may have been read half done.
          basis: busy ? '' : records.basis,
          unchangedSince: records.begunAt,
          superseded,
          underWay: inspected.recent.pending,
          summary: summaryOf(seen, found),
        }),
  });
  const fresh = judgement.seen.filter((one) => one.fresh && one.state === 'open').length;
  return {
    report: {
      serverName,
      inspected: inspected !== undefined,
      found: found.length,
      fresh,
      ...(heldBack === null ? {} : { heldBack }),
      ...(taskIds.length === 0 ? {} : { repairTaskIds: taskIds }),
    },
    taskIds,
  };
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const keyHash = ({ key }: DriftFinding): string => createHash('sha256').update(key).digest('hex');

/** What this look says nothing of: it was not read, or is being changed. */
function isLeftOut(finding: KnownFinding, { sight, checks, proofs }: Seen): boolean {
  const { inspected } = sight;
  if (finding.kind === 'password') {
    const { role } = finding;
    const told = checks.some((check) => check.role === role) || proofs.proven.includes(role ?? '');
    const managed = sight.records.managed.some(({ name }) => name === role);
    return managed && !told;
  }
  return inspected === undefined || isTouched(inspected.recent.underWay, finding.role ?? undefined, finding.kind);
}

/** Why nothing is repaired until somebody says so; null: nothing keeps it back. */
function heldBackBy(current: DriftLook, { history, records }: Sight): string | null {
  if (current.heldBack !== null) return current.heldBack;
  if (history === 'went_back') {
    return 'the server is further back than it was, as after a backup was restored: all that differs is reported, and nothing is repaired before somebody asks for a check with "resume": true';
  }
  if (current.metadata !== null && current.metadata !== records.metadata) {
    return 'the metadata database is another one than at the last look, as after a backup of it was restored: what it does not know may be meant, and nothing is repaired before somebody asks for a check with "resume": true';
  }
  const silence = current.lookedAt === null ? 0 : records.begunAt.getTime() - current.lookedAt.getTime();
  if (silence > Math.max(BLIND_MS, BLIND_INTERVALS * records.policy.intervalSeconds * 1_000)) {
    return `nobody looked from ${current.lookedAt?.toISOString()} on: what changed meanwhile may have been meant, and nothing is repaired before somebody asks for a check with "resume": true`;
  }
  return null;
}

type Superseded = NonNullable<DriftLook['superseded']>;

/** What requests have changed on purpose since the managed document was recorded. */
function supersededBy(current: DriftLook, { records, inspected }: Sight): Superseded | null {
  const { document } = records;
  if (document === undefined) return null;
  const id = `${document.source} ${document.recordedAt.toISOString()}`;
  const known = current.superseded?.document === id ? current.superseded.roles : {};
  const roles = new Map(Object.entries(known).map(([role, kinds]) => [role, new Set(kinds)]));
  for (const [role, kinds] of inspected?.recent.endedSince(document) ?? []) {
    roles.set(role, new Set([...(roles.get(role) ?? []), ...kinds]));
  }
  return { document: id, roles: Object.fromEntries([...roles].map(([role, kinds]) => [role, [...kinds]])) };
}

function restraintOf(
  { serverName, sight }: Seen,
  { heldBack, superseded }: { heldBack: string | null; superseded: Superseded | null },
) {
  const { maintenance } = sight.records;
  const touched: Touched = new Map(
    Object.entries(superseded?.roles ?? {}).map(([role, kinds]) => [role, new Set(kinds as DriftKind[])]),
  );
  return {
    all:
      maintenance === undefined
        ? (heldBack ?? undefined)
        : maintenanceText(serverName, maintenance, 'drift is not repaired'),
    of: ({ source, role, kind }: DriftFinding) =>
      source === 'document' && isTouched(touched, role, kind)
        ? 'a later request through this installation changed it: apply the document again, or name one that agrees with it'
        : undefined,
  };
}

function isSame(before: GuardedRole | undefined, next: GuardedRole): boolean {
  return before !== undefined && isDeepStrictEqual(before, next);
}

async function keepSnapshots(tx: Queryable, { serverName, sight, checks, proofs }: Seen): Promise<void> {
  const { records, inspected } = sight;
  if (inspected !== undefined) {
    const { comparison } = inspected;
    const checked = new Map(checks.map((check) => [check.role, check]));
    const kept = comparison.present.flatMap((role) => {
      const state = comparison.snapshots.get(role.name);
      if (state === undefined) return [];
      const before = records.guarded.get(role.name);
      const { mark, provenAt } = before?.oid === role.oid ? before : { mark: null, provenAt: null };
      const next = guardedRole(role, state, checked.get(role.name) ?? { mark, provenAt });
      return isSame(before, next) ? [] : [next];
    });
    await keepGuarded(tx, { serverName, kept, forgotten: comparison.forgotten });
  }
  await noteProven(tx, { serverName, roles: proofs.proven });
}

/** By whose right things are repaired: what an operator applied is judged as the operator was. @returns the tasks */
async function repair(
  deps: ControlDeps,
  tx: Queryable,
  { serverName, sight, passwords }: Seen,
  wanted: readonly Repairable[],
): Promise<string[]> {
  const observed = sight.inspected?.observed;
  // A refused login alone: the next look reads the server.
  if (observed === undefined || wanted.length === 0) return [];
  const confined = sight.records.document?.withoutAdminRole === true;
  const ofOperator = confined ? wanted.filter(({ source }) => source === 'document') : [];
  const groups: [readonly Repairable[], Authority][] = [
    [wanted.filter((finding) => !ofOperator.includes(finding)), { withoutAdminRole: false, foreign: new Map() }],
    [ofOperator, { withoutAdminRole: true, foreign: await foreignRoles(tx, serverName) }],
  ];
  const tasks: string[] = [];
  for (const [findings, authority] of groups) {
    const { repair: planned, refused } = planRepair(findings, observed, authority);
    const reasons = new Map([...refused].map(([{ key }, reason]) => [key, reason]));
    await holdBack(tx, { serverName, reasons });
    if (planned === undefined) continue;
    const taskId = await acceptRepair(tx, { serverName, repair: planned, passwords, sealer: deps.sealer });
    if (taskId === undefined) continue;
    await noteRepair(tx, { serverName, keys: planned.findings.map(({ key }) => key), taskId });
    tasks.push(taskId);
  }
  return tasks;
}

/** How many are named in the audit log; the list of findings has all. */
const SHOWN = 20;

async function audit(
  tx: Queryable,
  serverName: string,
  { judgement, heldBack }: { judgement: Judgement; heldBack: string | null },
): Promise<void> {
  const row = { kind: 'outcome', actor: DRIFT_ACTOR, resource: `server/${serverName}`, outcome: 'completed' } as const;
  const open = judgement.seen.filter(({ state }) => state === 'open');
  const fresh = open.filter((one) => one.fresh);
  const contested = open.filter((one) => one.contested);
  const shown = (of: typeof open) =>
    of.slice(0, SHOWN).map(({ finding: { kind, role, database, object, expected, found } }) => {
      return { kind, role, database, object, expected, found };
    });
  if (fresh.length > 0) {
    await insertAudit(tx, { ...row, action: 'drift.find', detail: { findings: shown(fresh), total: fresh.length } });
  }
  if (contested.length > 0) {
    await insertAudit(tx, {
      ...row,
      action: 'drift.contest',
      detail: { findings: shown(contested), total: contested.length },
    });
  }
  if (heldBack !== null) await insertAudit(tx, { ...row, action: 'drift.hold_back', detail: { reason: heldBack } });
}

function summaryOf({ sight, proofs, passwords }: Seen, found: readonly DriftFinding[]): Record<string, unknown> {
  const { facts, records, inspected } = sight;
  const present = inspected?.comparison.present ?? [];
  return {
    roles: present.length,
    passwords: facts.readsPasswords ? 'compared' : 'proven by logins',
    passwords_kept: passwords.size,
    passwords_untold: facts.readsPasswords ? 0 : present.length - passwords.size + proofs.untold.length,
    document: records.document?.source ?? null,
    more: Math.max(0, found.length - MAX_FINDINGS),
  };
}

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
