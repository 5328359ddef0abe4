import { parseDocument } from '../../../domain/access/document/parse.ts';
import type { ObservedServer } from '../../../domain/access/observed.ts';
import { DRIFT_ACTOR } from '../../../domain/drift/actor.ts';
import { type Repairable, repairDocument } from '../../../domain/drift/repair.ts';
import { formatProblems } from '../../../domain/spec/problems.ts';
import { planOn } from '../../../platform/access/plan.ts';
import type { Sealer } from '../../../platform/secrets/seal.ts';
import { sealStored } from '../../../platform/secrets/seal-stored.ts';
import { insertRequest, newTaskId } from '../../../store/accepted-requests.ts';
import type { Queryable } from '../../../store/connection.ts';
import { taskSecretId, taskSecretOwner } from '../../../store/secrets.ts';

/** Repairs of one look, as far as they can be carried out. */
export interface PlannedRepair {
  findings: Repairable[];
  document: unknown;
  planHash: string;
  passwordsOf: string[];
  authority: Authority;
}

/** By whose right something is repaired. */
export interface Authority {
  /** The document is one that no administrator applied. */
  withoutAdminRole: boolean;
  /** Roles of other owners, which count then. */
  foreign: ReadonlyMap<string, string>;
}

/** Findings that are planned one by one where they cannot be repaired together; the next look takes the others. */
const ONE_BY_ONE = 50;

/**
 * Plans the repair of findings on the server as it was just read. What cannot be repaired is named with the reason, and holds up
 * nothing else.
 */
export function planRepair(
  findings: readonly Repairable[],
  observed: ObservedServer,
  authority: Authority,
): { repair: PlannedRepair | undefined; refused: Map<Repairable, string> } {
  const refused = new Map<Repairable, string>();
  if (findings.length === 0) return { repair: undefined, refused };
  const together = tryPlan(findings, observed, authority);
  if ('plan' in together) return { repair: together.plan, refused };
  const sound = findings.slice(0, ONE_BY_ONE).filter((finding) => {
    const alone = tryPlan([finding], observed, authority);
    if ('plan' in alone) return true;
    refused.set(finding, alone.reason);
    return false;
  });
  if (sound.length === 0) return { repair: undefined, refused };
  const rest = tryPlan(sound, observed, authority);
  if ('plan' in rest) return { repair: rest.plan, refused };
  for (const finding of sound) refused.set(finding, rest.reason);
  return { repair: undefined, refused };
}

function tryPlan(
  findings: readonly Repairable[],
  observed: ObservedServer,
  authority: Authority,
): { plan: PlannedRepair | undefined } | { reason: string } {
  const { document: submitted, passwordsOf } = repairDocument(findings);
  const passwordRoles = new Set(passwordsOf);
  const parsed = parseDocument(submitted, { passwordRoles });
  if (!parsed.ok) return { reason: formatProblems(parsed.problems) };
  const { document } = parsed;
  const planned = planOn({ document, observed, changedPasswords: passwordRoles, ...authority });
  if (!planned.ok) return { reason: formatProblems(planned.problems) };
  const { refusals, hash, steps } = planned.plan;
  if (refusals.length > 0) {
    const text = ({ message, remedy }: (typeof refusals)[number]) =>
      remedy === undefined ? message : `${message}; a superuser gives it with: ${remedy}`;
    return { reason: refusals.map(text).join('\n') };
  }
  if (steps.length === 0) return { plan: undefined };
  return { plan: { findings: [...findings], document: submitted, planHash: hash, passwordsOf, authority } };
}

/**
 * Accepts the repair as a task, in the name of the installation. It is bound to the plan that was made here: where the server is
 * changed once more before it is carried out, it is refused, and the next look judges again.
 * @returns its task; undefined where the server is gone
 */
export async function acceptRepair(
  tx: Queryable,
  input: {
    serverName: string;
    repair: PlannedRepair;
    passwords: ReadonlyMap<string, string>;
    sealer: Sealer;
  },
): Promise<string | undefined> {
  const { serverName, repair, passwords, sealer } = input;
  const taskId = newTaskId();
  const owner = taskSecretOwner(taskId);
  const known = await insertRequest(tx, {
    taskId,
    serverName,
    type: 'apply_roles',
    requestHash: sealer.fingerprint(taskId),
    document: repair.document,
    planHash: repair.planHash,
    options: {
      repairs: true,
      withoutAdminRole: repair.authority.withoutAdminRole,
      audit: { action: 'drift.repair', resource: `server/${serverName}` },
    },
    secrets: repair.passwordsOf.map((role) => {
      const id = taskSecretId(taskId, role);
      const submitted = { kind: 'password', password: passwords.get(role) ?? '' };
      return sealStored(sealer, { id, owner, version: 1 }, JSON.stringify(submitted));
    }),
    audit: {
      actor: DRIFT_ACTOR,
      detail: { repairs: repair.findings.slice(0, SHOWN).map(describe), total: repair.findings.length },
    },
  });
  return known ? taskId : undefined;
}

/** How many are named in the audit log; the list of findings has all. */
const SHOWN = 50;

function describe({ kind, role, database, object, expected, found }: Repairable) {
  return { kind, role, database, object, expected, found };
}
