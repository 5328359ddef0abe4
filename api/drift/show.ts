import type { z } from '@hono/zod-openapi';
import type { FindingState } from '../../domain/drift/judge.ts';
import { countFindings, listDriftFindings } from '../../store/drift/findings.ts';
import { findLook } from '../../store/drift/looks.ts';
import { findManagedDocument } from '../../store/drift/managed-documents.ts';
import { findMaintenance } from '../../store/maintenance.ts';
import type { ApiDeps } from '../deps.ts';
import type { driftPageSchema, driftSchema } from '../schemas/drift.ts';
import { timestamp } from '../time.ts';
import { renderDriftFinding, renderMaintenance } from './render.ts';

const ALL: readonly FindingState[] = ['open', 'repaired', 'ignored', 'resolved'];

/** What was seen of drift on a server, with a page of findings. */
export async function showDrift(
  deps: ApiDeps,
  serverName: string,
  page: z.infer<typeof driftPageSchema>,
): Promise<z.infer<typeof driftSchema>> {
  const { state, kind, after_finding_id: after, limit, sort_order: order } = page;
  const states = state === 'all' ? ALL : [state];
  const [look, document, maintenance, counts, found] = await Promise.all([
    findLook(deps.db, serverName),
    findManagedDocument(deps.db, serverName),
    findMaintenance(deps.db, serverName),
    countFindings(deps.db, serverName),
    listDriftFindings(deps.db, { serverName, states, kind }, { order, after, limit }),
  ]);
  const time = (at: Date | null | undefined) => (at == null ? null : timestamp(at));
  return {
    server: serverName,
    looked_at: time(look?.lookedAt),
    inspected_at: time(look?.inspectedAt),
    unchanged_since: time(look?.unchangedSince),
    next_look_at: time(look?.nextLookAt),
    ...(look?.problem == null ? {} : { problem: look.problem }),
    ...(look?.heldBack == null ? {} : { held_back: { reason: look.heldBack, since: time(look.heldBackAt) } }),
    ...(maintenance === undefined ? {} : { maintenance: renderMaintenance(maintenance) }),
    managed_document:
      document === undefined
        ? null
        : {
            source: document.source,
            recorded_at: timestamp(document.recordedAt),
            ...(document.taskId === null ? {} : { task_id: document.taskId }),
          },
    guarded: look?.summary ?? {},
    counts,
    findings: found.slice(0, limit).map(renderDriftFinding),
    has_more: found.length > limit,
  };
}
