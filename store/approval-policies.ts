import type { ApprovalRules, NamedPolicy } from '../domain/approvals/policy.ts';
import type { Queryable } from './connection.ts';
import { prepared } from './prepared.ts';
import { readShared } from './shared-read.ts';

export interface ApprovalPolicyRecord extends NamedPolicy {
  id: string;
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = 'id, name, rules, created_at AS "createdAt", updated_at AS "updatedAt"';

export async function listApprovalPolicies(db: Queryable): Promise<ApprovalPolicyRecord[]> {
  const { rows } = await db.query<ApprovalPolicyRecord>(`SELECT ${COLUMNS} FROM approval_policies ORDER BY name`);
  return rows;
}

export async function findApprovalPolicy(db: Queryable, id: string): Promise<ApprovalPolicyRecord | undefined> {
  const { rows } = await db.query<ApprovalPolicyRecord>(`SELECT ${COLUMNS} FROM approval_policies WHERE id = $1`, [id]);
  return rows[0];
}

/** Takes the row until the transaction ends. */
export async function lockApprovalPolicy(tx: Queryable, id: string): Promise<ApprovalPolicyRecord | undefined> {
  const { rows } = await tx.query<ApprovalPolicyRecord>(
    `SELECT ${COLUMNS} FROM approval_policies WHERE id = $1 FOR UPDATE`,
    [id],
  );
  return rows[0];
}

/** @returns undefined when the name is taken */
export async function insertApprovalPolicy(
  db: Queryable,
  policy: { id: string; name: string; rules: ApprovalRules },
): Promise<ApprovalPolicyRecord | undefined> {
  const { rows } = await db.query<ApprovalPolicyRecord>(
    `INSERT INTO approval_policies (id, name, rules) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`,
    [policy.id, policy.name, policy.rules],
  );
  return rows[0];
}

/** @returns undefined when another policy has the name */
export async function updateApprovalPolicy(
  db: Queryable,
  policy: { id: string; name: string; rules: ApprovalRules },
): Promise<ApprovalPolicyRecord | undefined> {
  const { rows } = await db.query<ApprovalPolicyRecord>(
    `UPDATE approval_policies SET name = $2, rules = $3, updated_at = now()
     WHERE id = $1 AND NOT EXISTS (SELECT FROM approval_policies other WHERE other.name = $2 AND other.id <> $1)
     RETURNING ${COLUMNS}`,
    [policy.id, policy.name, policy.rules],
  );
  return rows[0];
}

export async function deleteApprovalPolicy(db: Queryable, id: string): Promise<void> {
  await db.query('DELETE FROM approval_policies WHERE id = $1', [id]);
}

const POLICIES_AND_SERVER = prepared(
  'approval_policies_and_server',
  `SELECT p.id, p.name, p.rules, coalesce(s.labels, '{}') AS labels,
     ARRAY(SELECT s.labels ->> 'environment' WHERE s.labels ->> 'environment' IS NOT NULL
           UNION ALL SELECT env FROM registry WHERE server_name = $1) AS environments
   FROM approval_policies p LEFT JOIN servers s ON s.name = $1`,
);

/** Every policy, with what they may ask of a server. One round trip, and next to nothing where there are no policies. */
export async function policiesFor(
  db: Queryable,
  serverName: string,
): Promise<{ policies: NamedPolicy[]; labels: Record<string, unknown>; environments: string[] }> {
  const rows = await readShared<NamedPolicy & { labels: Record<string, unknown>; environments: string[] }>(
    db,
    POLICIES_AND_SERVER([serverName]),
  );
  const [first] = rows;
  return { policies: rows, labels: first?.labels ?? {}, environments: first?.environments ?? [] };
}
