import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { AccessOptions } from '../domain/access/request-options.ts';
import { HELD_WORKFLOW, TASK_WORKFLOWS } from '../domain/task-workflows.ts';
import type { AuditRow } from './audit.ts';
import { afterCommit, type Queryable } from './connection.ts';
import { gathererOfPool } from './gather.ts';
import { prepared } from './prepared.ts';
import type { StoredSecret } from './secrets.ts';
import { CHANNELS, TIMES } from './signals.ts';
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

/** One row for each request, from {@link requestRow}. */
const ASKED = `asked AS MATERIALIZED (
     SELECT * FROM jsonb_to_recordset($1) AS a (id uuid, server text, type text, workflow_type text, workflow_id text, hash text,
       actor text, document jsonb, plan_hash text, options jsonb, secrets jsonb, token_id text, source text, request_id text,
       action text, resource text, detail jsonb)
   )`;

/**
 * SQL that records requests, {@link requestRows} being its first parameter: all of them, or none.
 * @param more further parts of the statement, which take their parameters from $2 on; nothing of it happens without the task
 * @param last what the statement selects beside the `id` of each task
 */
export const requestSql = (more = '', last = ''): string => `WITH ${ASKED}, task AS (
     INSERT INTO tasks (id, scope, entity_id, type, status, epoch, workflow_type, workflow_id, request_hash, actor)
     SELECT id, 'server', name, type, 'pending', ${NO_EPOCH}, workflow_type, workflow_id, hash, actor
     FROM asked JOIN servers ON name = server
     RETURNING id, entity_id AS server, type
   ), request AS (
     INSERT INTO access_requests (task_id, document, plan_hash, options)
     SELECT id, document, plan_hash, options FROM asked JOIN task USING (id)
   ), sealed AS (
     INSERT INTO secrets (id, owner, version, key_id, sealed)
     SELECT s.id, owner, version, key_id, decode(sealed, 'base64') FROM asked JOIN task USING (id),
       jsonb_to_recordset(secrets) AS s (id text, owner text, version int, key_id text, sealed text)
   ), audited AS (
     INSERT INTO audit_log (kind, actor, token_id, source, request_id, action, resource, task_id, detail)
     SELECT 'intent', actor, token_id, source, request_id, action, resource, id, detail FROM asked JOIN task USING (id)
   ), told AS MATERIALIZED (
     SELECT server, pg_notify('${CHANNELS.requested}', server || '${TIMES}' || count(*)) FROM task
     WHERE type = 'change_role' GROUP BY server
   )${more}
   SELECT id, (SELECT count(*) FROM told)${last} FROM task`;

const INSERT_REQUESTS = prepared('insert_requests', requestSql());

/**
 * Records a request with its task, its sealed passwords and the audit intent, in one round trip, and tells a batch that waits for
 * more. Outside of transactions, those of many callers are recorded together: one that cannot be harms no other.
 * @returns false when there is no such server
 */
export async function insertRequest(db: Queryable, request: AcceptedRequest): Promise<boolean> {
  const known =
    db instanceof pg.Pool ? await recorderOf(db).ask(request) : (await insertAll(db, [request])).get(request);
  if (known instanceof Error) throw known;
  if (known !== true) return false;
  afterCommit(() => taskEvents.emit('accepted', { type: request.type }));
  return true;
}

/** Whether a request was recorded, or why that is refused. */
type Recorded = boolean | Error;

const recorderOf = gathererOfPool<AcceptedRequest, Recorded>(insertTogether);

/** Classes of SQLSTATE that are about what one request says: data exceptions and violated constraints. */
const ABOUT_ONE = /^2[23]/;

/** Where one of them cannot be recorded, each by itself. */
async function insertTogether(
  db: pg.Pool,
  requests: readonly AcceptedRequest[],
): Promise<ReadonlyMap<AcceptedRequest, Recorded>> {
  try {
    return await insertAll(db, requests);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError && ABOUT_ONE.test(error.code ?? ''))) throw error;
    if (requests.length === 1) return new Map(requests.map((request) => [request, error]));
    const alone = await Promise.all(requests.map((request) => insertTogether(db, [request])));
    return new Map(alone.flatMap((one) => [...one]));
  }
}

/** @returns which requests were recorded; not those for servers that are not there */
async function insertAll(db: Queryable, requests: readonly AcceptedRequest[]): Promise<Map<AcceptedRequest, boolean>> {
  const { rows } = await db.query<{ id: string }>(INSERT_REQUESTS([requestRows(requests)]));
  const recorded = new Set(rows.map(({ id }) => id));
  return new Map(requests.map((request) => [request, recorded.has(request.taskId)]));
}

/** First parameter of {@link requestSql}. */
export function requestRows(requests: readonly AcceptedRequest[]): string {
  return JSON.stringify(requests.map(requestRow));
}

function requestRow(request: AcceptedRequest): Record<string, unknown> {
  const { audit, options, type, serverName } = request;
  return {
    id: request.taskId,
    server: serverName,
    type,
    workflow_type: serverWorkflow(request).workflowType,
    workflow_id: serverWorkflowId(request),
    hash: request.requestHash,
    actor: audit.actor,
    document: request.document,
    plan_hash: request.planHash,
    options,
    secrets: request.secrets.map(({ keyId, sealed, ...secret }) => ({
      ...secret,
      key_id: keyId,
      sealed: sealed.toString('base64'),
    })),
    token_id: audit.tokenId,
    source: audit.source,
    request_id: audit.requestId,
    action: options.audit?.action ?? auditAction({ scope: 'server', type }),
    resource: options.audit?.resource ?? `server/${serverName}`,
    detail: audit.detail ?? {},
  };
}
