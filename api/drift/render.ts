import type { z } from '@hono/zod-openapi';
import type { HygieneReport } from '../../domain/access/effective/hygiene-report.ts';
import { actionFor, DRIFT_KINDS } from '../../domain/drift/policy.ts';
import type { FindingRecord } from '../../store/drift/findings.ts';
import type { ManagedDocument } from '../../store/drift/managed-documents.ts';
import type { StoredPolicy } from '../../store/drift/policies.ts';
import type { Maintenance } from '../../store/maintenance.ts';
import type {
  driftPolicySchema,
  driftSchema,
  hygieneSchema,
  maintenanceSchema,
  managedDocumentSchema,
} from '../schemas/drift.ts';
import { timestamp } from '../time.ts';

const maybe = (time: Date | null): string | null => (time === null ? null : timestamp(time));

export function renderDriftPolicy({ policy, updatedAt }: StoredPolicy): z.infer<typeof driftPolicySchema> {
  return {
    default: policy.default,
    kinds: Object.fromEntries(DRIFT_KINDS.map((kind) => [kind, actionFor(policy, kind)])),
    interval_seconds: policy.intervalSeconds,
    proof_seconds: policy.proofSeconds,
    updated_at: maybe(updatedAt),
  };
}

export function renderManagedDocument(document: ManagedDocument): z.infer<typeof managedDocumentSchema> {
  return {
    source: document.source,
    document: document.document,
    ...(document.taskId === null ? {} : { task_id: document.taskId }),
    actor: document.actor,
    recorded_at: timestamp(document.recordedAt),
  };
}

export function renderMaintenance({ reason, actor, since, until }: Maintenance): z.infer<typeof maintenanceSchema> {
  return { reason, actor, since: timestamp(since), until: maybe(until) };
}

export function renderDriftFinding(finding: FindingRecord): z.infer<typeof driftSchema>['findings'][number] {
  return {
    finding_id: finding.id,
    kind: finding.kind,
    source: finding.source,
    ...(finding.role === null ? {} : { role: finding.role }),
    ...(finding.database === null ? {} : { database: finding.database }),
    ...(finding.object === null ? {} : { object: finding.object }),
    expected: finding.expected,
    found: finding.found,
    state: finding.state,
    ...(finding.heldBack === null ? {} : { held_back: finding.heldBack }),
    repairs: finding.repairs,
    ...(finding.taskId === null ? {} : { task_id: finding.taskId }),
    first_seen_at: timestamp(finding.firstSeenAt),
    last_seen_at: timestamp(finding.lastSeenAt),
    ...(finding.endedAt === null ? {} : { ended_at: timestamp(finding.endedAt) }),
  };
}

export function renderHygiene(report: HygieneReport): z.infer<typeof hygieneSchema> {
  return {
    server: report.server,
    at: timestamp(report.at),
    findings: report.findings,
    more: { ...report.more } as Record<string, number>,
    observed_since: maybe(report.observation.since),
    sampled_every_seconds: report.observation.everySeconds,
    logins: report.logins.map(({ role, lastSeen }) => ({ role, last_seen_at: maybe(lastSeen) })),
    notes: report.notes,
  };
}
