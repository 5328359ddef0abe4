/** What a look leaves behind: findings, snapshots, repairs, and a word in the audit log. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { DRIFT_ACTOR } from '../../../domain/drift/actor.ts';
import type { DriftFinding } from '../../../domain/drift/finding.ts';
import { type Judgement, judgeFindings, type KnownFinding } from '../../../domain/drift/judge.ts';
import { repairsAnything } from '../../../domain/drift/policy.ts';
import type { Repairable } from '../../../domain/drift/repair.ts';
import { isTouched } from '../../../domain/drift/touched.ts';
import { insertAudit } from '../../../store/audit.ts';
import type { Queryable } from '../../../store/connection.ts';
import { foreignRoles } from '../../../store/credentials.ts';
import { endFindings, holdBack, knownFindings, noteRepair, recordFindings } from '../../../store/drift/findings.ts';
import { forgetProofs, type GuardedRole, keepGuarded, noteProven } from '../../../store/drift/guarded-roles.ts';
import { lockLook, recordLook } from '../../../store/drift/looks.ts';
import { recordSightings } from '../../../store/drift/sightings.ts';
import type { ControlDeps } from '../deps.ts';
import type { DriftReport } from '../types.ts';
import { guardedRole } from './compare.ts';
import { sweepOrphans } from './leases.ts';
import type { LoginProofs, PasswordCheck } from './passwords.ts';
import { type Authority, acceptRepair, planRepair } from './repair.ts';
import { heldBackBy, restraintOf, supersededBy } from './restraint.ts';
import type { Sight } from './sight.ts';

/** Findings that are kept of one server; the summary counts the others. */
const MAX_FINDINGS = 2_000;
/** Something is under way: its end is looked at soon. */
const SOON_SECONDS = 10;

/** Everything that a look has found out. */
export interface Seen {
  serverName: string;
  sight: Sight;
  passwords: ReadonlyMap<string, string>;
  checks: readonly PasswordCheck[];
  proofs: LoginProofs;
  whole: boolean;
}

/** Records what was seen, in one transaction with what follows from it. Two looks at a time record one after the other. */
export async function record(
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
    ...sight.leases.findings,
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
  const swept = await sweepOrphans(tx, serverName, sight.leases);
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
      busy || swept.length > 0 || taskIds.length > 0 || (inspected === undefined && judgement.repair.length > 0)
        ? Math.min(SOON_SECONDS, records.policy.intervalSeconds)
        : records.policy.intervalSeconds,
    history: glance.history,
    metadata: records.metadata,
    ...(heldBack === current.heldBack ? {} : { heldBack }),
    ...(inspected === undefined
      ? // What a refused login asks to be repaired needs a look at the server first.
        judgement.repair.length > 0
        ? { basis: '' }
        : {}
      : {
          inspectedAt: records.begunAt,
          fingerprints: sight.fingerprints,
          // What was under way may have been read half done.
          basis: busy ? '' : records.basis,
          ...(sight.same ? {} : { unchangedSince: records.begunAt }),
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

const keyHash = ({ key }: DriftFinding): string => createHash('sha256').update(key).digest('hex');

/** What this look says nothing of: it was not read, or is being changed. */
function isLeftOut(finding: KnownFinding, { sight, checks, proofs }: Seen): boolean {
  const { inspected } = sight;
  if (finding.kind === 'lease_orphan' || finding.kind === 'lease_ghost') return false;
  if (finding.kind === 'password') {
    const { role } = finding;
    const told = checks.some((check) => check.role === role) || proofs.proven.includes(role ?? '');
    const managed = sight.records.managed.some(({ name }) => name === role);
    return managed && !told;
  }
  return inspected === undefined || isTouched(inspected.recent.underWay, finding.role ?? undefined, finding.kind);
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
