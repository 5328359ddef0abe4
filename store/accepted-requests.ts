import { v7 as uuidv7 } from 'uuid';
import type { AccessOptions } from '../domain/access/request-options.ts';
import { HELD_WORKFLOW, TASK_WORKFLOWS } from '../domain/task-workflows.ts';
import type { AuditRow } from './audit.ts';
import { afterCommit, type Queryable } from './connection.ts';
import { prepared } from './prepared.ts';
import type { StoredSecret } from './secrets.ts';
import { CHANNELS } from './signals.ts';
import { taskEvents } from './task-events.ts';
import { auditAction, type ServerTaskType } from './tasks.ts';

/** A change of a server, as it is accepted. */
export interface AcceptedRequest {
  taskId: string;
  serverName: string;
  type: ServerTaskType;
  /** What the id of its run names; the server unless given. */
  about?: string;
  requestHash: string;
  /** As submitted, without passwords. */
  document: unknown;
  /** Hash of the plan that the caller saw. */
  planHash: string | null;
  options: AccessOptions;
  secrets: readonly StoredSecret[];
  /** It waits for approval. */
  held?: boolean;
  /** Who asked, from where, with what; no secrets. */
  audit: Pick<AuditRow, 'actor' | 'tokenId' | 'source' | 'requestId' | 'detail'>;
}

/** Id of a task that is about to be accepted; ids sort by time. */
export const newTaskId = (): string => uuidv7();

/** Name of the run that performs a task on a server. */
export function serverWorkflowId(
  request: WorkflowOf & Pick<AcceptedRequest, 'taskId' | 'serverName' | 'about'>,
): string {
  return `${serverWorkflow(request).kind}/${request.about ?? request.serverName}/${request.taskId}`;
}

type WorkflowOf = Pick<AcceptedRequest, 'type' | 'held'>;

/** The workflow that performs a task on a server. */
export function serverWorkflow({ type, held }: WorkflowOf): { workflowType: string; kind: string } {
  return held === true ? HELD_WORKFLOW : TASK_WORKFLOWS[type];
}

/** Tasks on servers are ordered by locks, not by epochs. */
const NO_EPOCH = 0;

/**
 * SQL that records a request, with {@link requestValues} as its parameters.
 * @param more further parts of the statement, which take their parameters from $22 on; nothing of it happens without the task
 * @param last what the statement selects from `task`
 */
export const requestSql = (more = '', last = ''): string => `WITH task AS (
     INSERT INTO tasks (id, scope, entity_id, type, status, epoch, workflow_type, workflow_id, request_hash, actor)
     SELECT $1::uuid, 'server', name, $3, 'pending', ${NO_EPOCH}, $4, $5, $6, $7 FROM servers WHERE name = $2
     RETURNING id
   ), request AS (
     INSERT INTO access_requests (task_id, document, plan_hash, options)
     SELECT id, $8::jsonb, $9::text, $10::jsonb FROM task
   ), sealed AS (
     INSERT INTO secrets (id, owner, version, key_id, sealed)
     SELECT s.* FROM task, unnest($11::text[], $12::text[], $13::int[], $14::text[], $15::bytea[]) AS s
   ), audited AS (
     INSERT INTO audit_log (kind, actor, token_id, source, request_id, action, resource, task_id, detail)
     SELECT 'intent', $7, $21::text, $16::text, $17::text, $18::text, $19::text, id, $20::jsonb FROM task
   )${more}
   SELECT CASE WHEN $3 = 'change_role' THEN pg_notify('${CHANNELS.requested}', $2) END${last} FROM task`;

const INSERT_REQUEST = prepared('insert_request', requestSql());

/**
 * Records a request with its task, its sealed passwords and the audit intent, in one round trip, and tells a batch that waits for
 * more. @returns false when there is no such server
 */
export async function insertRequest(tx: Queryable, request: AcceptedRequest): Promise<boolean> {
  const { rowCount } = await tx.query(INSERT_REQUEST(requestValues(request)));
  if (rowCount !== 1) return false;
  afterCommit(() => taskEvents.emit('accepted', { type: request.type }));
  return true;
}

/** Values of the 21 parameters of {@link requestSql}. */
export function requestValues(request: AcceptedRequest): unknown[] {
  const { audit, secrets } = request;
  return [
    request.taskId,
    request.serverName,
    request.type,
    serverWorkflow(request).workflowType,
    serverWorkflowId(request),
    request.requestHash,
    audit.actor,
    JSON.stringify(request.document),
    request.planHash,
    JSON.stringify(request.options),
    secrets.map((secret) => secret.id),
    secrets.map((secret) => secret.owner),
    secrets.map((secret) => secret.version),
    secrets.map((secret) => secret.keyId),
    secrets.map((secret) => secret.sealed),
    audit.source ?? null,
    audit.requestId ?? null,
    request.options.audit?.action ?? auditAction({ scope: 'server', type: request.type }),
    request.options.audit?.resource ?? `server/${request.serverName}`,
    JSON.stringify(audit.detail ?? {}),
    audit.tokenId ?? null,
  ];
}
