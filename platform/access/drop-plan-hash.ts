import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { DropFacts } from '../../domain/access/drop/facts.ts';
import { dropPlanText } from '../../domain/access/drop/plan-text.ts';
import type { DropDocument } from '../../domain/access/drop/request.ts';
import { DEPENDENCE_SQL } from '../../domain/sql/drop-role.ts';

/** Hash of what a drop does: the same while the role, its memberships and everything that depends on it are the same. */
export async function dropPlanHash(
  client: pg.ClientBase,
  of: { facts: DropFacts; document: Pick<DropDocument, 'heir' | 'reassign_owned' | 'force'> },
): Promise<string> {
  const { rows } = await client.query<{ digest: string }>(DEPENDENCE_SQL, [of.facts.role?.oid ?? 0]);
  const text = dropPlanText({ ...of, dependence: rows[0]?.digest ?? '' });
  return createHash('sha256').update(text).digest('hex');
}
