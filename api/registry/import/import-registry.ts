import { createHash } from 'node:crypto';
import type { z } from '@hono/zod-openapi';
import { insertAudit } from '../../../store/audit.ts';
import { inTransaction } from '../../../store/connection.ts';
import { type ForeignAuditRow, importAuditRows } from '../../../store/imported-audit.ts';
import { askedBy } from '../../audit-intent.ts';
import type { Caller } from '../../caller.ts';
import type { ApiDeps } from '../../deps.ts';
import { changeRequest } from '../../idempotency.ts';
import { importResultSchema } from '../../schemas/registry-import.ts';
import { assertCertificate } from '../../servers/accept-register.ts';
import { addressKey, findServers } from './find-servers.ts';
import { judgeEntries } from './judge-entries.ts';
import type { ImportSource } from './read-body.ts';
import { saveEntries } from './save-entries.ts';

type ImportResult = z.infer<typeof importResultSchema>;

/** A synchronous request ends within 25 s; the rest of it is for the entries and the answer. */
const ASK_SERVERS_MS = 14_000;
const AUDIT_UNTIL_MS = 21_000;

const RECORD = { action: 'registry.import', resource: 'registry' };

/**
 * Takes over a registry: registers the servers that it meets, then its entries, then its audit log. What is there already is left
 * as it is, so that the same import again changes nothing, or goes on where something was in the way.
 */
export function importRegistry(deps: ApiDeps, caller: Caller, source: ImportSource): Promise<ImportResult> {
  const change = changeRequest(deps, {
    caller,
    route: 'POST /api/v1/registry/import',
    content: { format: source.format, digest: source.digest },
    answer: importResultSchema,
  });
  return change.once(async () => {
    const startedAt = performance.now();
    const deadline = AbortSignal.timeout(ASK_SERVERS_MS);
    assertCertificate(source.options.tls);
    const judged = judgeEntries(source.entries);
    const row = { ...askedBy(caller), ...RECORD, detail: { format: source.format, entries: judged.length } };
    await insertAudit(deps.db, { kind: 'intent', ...row });
    const addresses = new Map(
      judged.flatMap((one) =>
        'entry' in one && one.entry.server === undefined ? [[addressKey(one.entry), one.entry] as const] : [],
      ),
    );
    const servers = await findServers(deps, caller, {
      addresses: [...addresses.values()].map(({ hostname, port }) => ({ hostname, port })),
      options: source.options,
      deadline,
    });
    const entries = await saveEntries(deps, caller, { judged, servers });
    const audit =
      source.audit && (await takeOverAudit(deps, caller, { batches: source.audit, until: startedAt + AUDIT_UNTIL_MS }));
    const count = (result: string) => entries.filter((entry) => entry.result === result).length;
    const counts = {
      created: count('created'),
      unchanged: count('unchanged'),
      kept: count('kept'),
      failed: count('failed'),
    };
    const answer: ImportResult = {
      ...counts,
      entries,
      servers: [...servers.values()],
      ...(audit === undefined ? {} : { audit }),
    };
    await inTransaction(deps.db, async (tx) => {
      const detail = { ...row.detail, ...counts, ...(audit === undefined ? {} : { audit }) };
      await insertAudit(tx, { kind: 'outcome', ...row, outcome: 'completed', detail });
      await change.keep(tx, answer);
    });
    return answer;
  });
}

/** Batch by batch, while there is time. */
async function takeOverAudit(
  deps: ApiDeps,
  caller: Caller,
  input: { batches: AsyncIterable<ForeignAuditRow[]>; until: number },
): Promise<NonNullable<ImportResult['audit']>> {
  let seen = 0;
  let imported = 0;
  for await (const batch of input.batches) {
    if (performance.now() > input.until) return { imported, known: seen - imported, complete: false };
    const rows = new Map(batch.map((row) => [digestOf(row), row]));
    seen += rows.size;
    imported += await importAuditRows(
      deps.db,
      [...rows].map(([hex, row]) => ({ ...row, hex })),
      { actor: caller.account, requestId: caller.requestId },
    );
  }
  return { imported, known: seen - imported, complete: true };
}

/** Tells rows apart, over all imports. */
function digestOf(row: ForeignAuditRow): string {
  const { sourceId, env, dbName, username, operation, status, performedAt } = row;
  const text = JSON.stringify([sourceId, env, dbName, username, operation, status, performedAt]);
  return createHash('sha256').update(text).digest('hex');
}
