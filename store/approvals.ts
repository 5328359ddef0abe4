import type { ApprovalRules, ChangeKind } from '../domain/approvals/policy.ts';
import type { ApprovalState, Verdict } from '../domain/approvals/vote.ts';
import type { Queryable } from './connection.ts';

/** What a task waits for. */
export interface NewApproval {
  taskId: string;
  serverName: string;
  kind: ChangeKind;
  roles: readonly string[];
  requester: string;
  reason: string | null;
  policyName: string;
  rules: ApprovalRules;
  /** As it was shown; no secrets. */
  plan: object;
  planHash: string;
}

export interface ApprovalRecord extends Omit<NewApproval, 'plan'> {
  roles: string[];
  approvers: 1 | 2;
  state: ApprovalState;
  stateReason: string | null;
  createdAt: Date;
  expiresAt: Date;
  decidedAt: Date | null;
  /** Whether its time is over, by the clock of the database. */
  expired: boolean;
  votes: VoteRecord[];
}

/** Somebody's word. */
export interface VoteRecord {
  account: string;
  verdict: Verdict;
  planHash: string;
  comment: string | null;
  /** ISO 8601. */
  votedAt: string;
  /** The account has been disabled since: its word counts no more. */
  disabled: boolean;
}

const VOTES = `coalesce((SELECT jsonb_agg(jsonb_build_object('account', v.account, 'verdict', v.verdict, 'planHash', v.plan_hash,
    'comment', v.comment, 'votedAt', v.voted_at, 'disabled', EXISTS (
      SELECT FROM accounts WHERE accounts.name = v.account AND accounts.disabled_at IS NOT NULL)) ORDER BY v.voted_at, v.account)
  FROM approval_votes v WHERE v.task_id = a.task_id), '[]')`;

const COLUMNS = `a.task_id AS "taskId", a.server_name AS "serverName", a.kind, a.roles, a.requester, a.reason,
  a.policy_name AS "policyName", a.rules, a.approvers, a.plan_hash AS "planHash", a.state, a.state_reason AS "stateReason",
  a.created_at AS "createdAt", a.expires_at AS "expiresAt", a.decided_at AS "decidedAt", a.expires_at <= now() AS expired,
  ${VOTES} AS votes`;

/** In the transaction that accepts the task. */
export async function insertApproval(tx: Queryable, approval: NewApproval): Promise<void> {
  await tx.query(
    `INSERT INTO approvals (task_id, server_name, kind, roles, requester, reason, policy_name, rules, approvers, plan, plan_hash,
       expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + make_interval(secs => $12))`,
    [
      approval.taskId,
      approval.serverName,
      approval.kind,
      approval.roles,
      approval.requester,
      approval.reason,
      approval.policyName,
      approval.rules,
      approval.rules.approvers,
      JSON.stringify(approval.plan),
      approval.planHash,
      approval.rules.expiresSeconds,
    ],
  );
}

export async function findApproval(db: Queryable, taskId: string): Promise<ApprovalRecord | undefined> {
  const { rows } = await db.query<ApprovalRecord>(`SELECT ${COLUMNS} FROM approvals a WHERE a.task_id = $1`, [taskId]);
  return rows[0];
}

/** The plan as it was shown. */
export async function findApprovalPlan(db: Queryable, taskId: string): Promise<object | undefined> {
  const { rows } = await db.query<{ plan: object }>('SELECT plan FROM approvals WHERE task_id = $1', [taskId]);
  return rows[0]?.plan;
}

/** Takes the row until the transaction ends, so that words about it come one after the other. */
export async function lockApproval(tx: Queryable, taskId: string): Promise<ApprovalRecord | undefined> {
  const { rowCount } = await tx.query('SELECT FROM approvals WHERE task_id = $1 FOR UPDATE', [taskId]);
  // A statement of its own: votes that were committed while this one waited are seen.
  return rowCount === 0 ? undefined : findApproval(tx, taskId);
}

/** Which approvals a list is of. */
export interface ApprovalFilter {
  state?: ApprovalState | undefined;
  kind?: ChangeKind | undefined;
  serverName?: string | undefined;
  requester?: string | undefined;
  /** Only those of these servers. */
  servers?: readonly string[] | undefined;
}

/** A page of approvals. `afterId` is exclusive in the direction chosen. */
export async function listApprovals(
  db: Queryable,
  page: { filter: ApprovalFilter; order: 'asc' | 'desc'; afterId?: string | undefined; limit: number },
): Promise<ApprovalRecord[]> {
  const { state, kind, serverName, requester, servers } = page.filter;
  const [comparison, direction] = page.order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
  const { rows } = await db.query<ApprovalRecord>(
    `SELECT ${COLUMNS} FROM approvals a
     WHERE ($1::text IS NULL OR a.state = $1) AND ($2::text IS NULL OR a.kind = $2) AND ($3::text IS NULL OR a.server_name = $3)
       AND ($4::text IS NULL OR a.requester = $4) AND ($5::text[] IS NULL OR a.server_name = ANY ($5))
       AND ($6::uuid IS NULL OR a.task_id ${comparison} $6)
     ORDER BY a.task_id ${direction} LIMIT $7`,
    [
      state ?? null,
      kind ?? null,
      serverName ?? null,
      requester ?? null,
      servers ?? null,
      page.afterId ?? null,
      page.limit,
    ],
  );
  return rows;
}

export async function insertVote(
  tx: Queryable,
  vote: {
    taskId: string;
    account: string;
    tokenId: string | null;
    verdict: Verdict;
    planHash: string;
    comment: string | null;
  },
): Promise<void> {
  await tx.query(
    `INSERT INTO approval_votes (task_id, account, token_id, verdict, plan_hash, comment) VALUES ($1, $2, $3, $4, $5, $6)`,
    [vote.taskId, vote.account, vote.tokenId, vote.verdict, vote.planHash, vote.comment],
  );
}

/** @returns false when it had been decided before */
export async function decideApproval(
  tx: Queryable,
  input: { taskId: string; from: readonly ApprovalState[]; state: ApprovalState; reason: string | null },
): Promise<boolean> {
  const { rowCount } = await tx.query(
    `UPDATE approvals SET state = $3, state_reason = $4, decided_at = now() WHERE task_id = $1 AND state = ANY ($2)`,
    [input.taskId, input.from, input.state, input.reason],
  );
  return rowCount === 1;
}

/**
 * SQL that is true of a task that waits for approval, or whose approval does not stand: such a task changes nothing (R13). What counts
 * are the votes themselves, about the very plan that the task would carry out, of others than its requester.
 * @param task SQL of the task's id
 */
export const unapproved = (task: string): string => `EXISTS (
  SELECT FROM approvals a WHERE a.task_id = ${task} AND (a.state <> 'approved' OR a.approvers > (
    SELECT count(*) FROM approval_votes v WHERE v.task_id = a.task_id AND v.verdict = 'approve'
      AND v.plan_hash = a.plan_hash AND v.account <> a.requester)
    OR EXISTS (SELECT FROM access_requests r WHERE r.task_id = a.task_id AND r.plan_hash IS DISTINCT FROM a.plan_hash)))`;

/** Tasks that were approved some time ago and whose runs have not begun to carry them out. */
export async function approvedAndWaiting(
  db: Queryable,
  input: { olderThanMs: number; limit: number },
): Promise<{ taskId: string; workflowId: string }[]> {
  const { rows } = await db.query<{ taskId: string; workflowId: string }>(
    `SELECT a.task_id AS "taskId", t.workflow_id AS "workflowId" FROM approvals a JOIN tasks t ON t.id = a.task_id
     WHERE a.state = 'approved' AND t.status = 'pending' AND a.decided_at <= now() - make_interval(secs => $1 / 1000.0)
     ORDER BY a.decided_at LIMIT $2`,
    [input.olderThanMs, input.limit],
  );
  return rows;
}
