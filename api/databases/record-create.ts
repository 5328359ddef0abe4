import type { z } from '@hono/zod-openapi';
import { separateSecrets } from '../../domain/spec/secrets.ts';
import type { SpecRequest } from '../../domain/spec/types.ts';
import { TASK_WORKFLOWS } from '../../domain/task-workflows.ts';
import { inTransaction } from '../../store/connection.ts';
import { insertDatabase } from '../../store/databases.ts';
import { listInstances } from '../../store/instances.ts';
import { insertSecrets } from '../../store/secrets.ts';
import { deleteTasksOf, insertTask, type TaskRecord } from '../../store/tasks.ts';
import { auditIntent } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import type { ChangeRequest } from '../idempotency.ts';
import type { acceptedDatabaseSchema } from '../schemas/database.ts';
import { renderTask } from '../tasks/render.ts';
import { claimNames } from './claim-names.ts';
import { claimPorts } from './claim-ports.ts';
import type { Knowledge } from './knowledge.ts';
import type { ChosenPort } from './port-wishes.ts';
import { renderDatabase } from './render.ts';
import { sealSecrets, secretTexts } from './seal-secrets.ts';

type AcceptedDatabase = z.infer<typeof acceptedDatabaseSchema>;

/** A request to create a database, under the id that it gets. */
export interface CreateRequest {
  caller: Caller;
  change: ChangeRequest<AcceptedDatabase>;
  databaseId: string;
  request: SpecRequest;
}

/** The same, judged, with a port for each instance. */
export interface JudgedCreate extends CreateRequest {
  knowledge: Knowledge;
  ports: ChosenPort[];
}

/**
 * One transaction: everything that the request takes, or nothing.
 * @throws ApiError for what somebody else took meanwhile, PortTaken where other ports may do
 */
export function recordCreate(
  deps: ApiDeps,
  create: JudgedCreate,
): Promise<{ task: TaskRecord; accepted: AcceptedDatabase }> {
  const { databaseId, request, caller } = create;
  const { publicSpec, secrets } = separateSecrets(request.spec);
  return inTransaction(deps.db, async (tx) => {
    const database = await insertDatabase(tx, {
      id: databaseId,
      tenantId: request.tenant_id,
      databaseName: publicSpec.database_name,
      spec: publicSpec,
    });
    if (database === undefined) throw alreadyExists(databaseId);
    // Tasks of an earlier database of this id stay readable until the id is used again.
    await deleteTasksOf(tx, databaseId);
    await claimNames(tx, { ...create, secrets });
    await claimPorts(tx, create);
    await insertSecrets(tx, sealSecrets(deps.sealer, { databaseId, texts: secretTexts(databaseId, secrets) }));
    const { workflowType, kind: workflowKind } = TASK_WORKFLOWS.create;
    const task = await insertTask(tx, {
      scope: 'database',
      entityId: databaseId,
      type: 'create',
      epoch: database.epoch,
      workflowType,
      workflowKind,
      requestHash: create.change.hash,
      actor: caller.account,
    });
    await auditIntent(tx, caller, {
      action: 'database.create',
      resource: `database/${databaseId}`,
      taskId: task.id,
      detail: { after: { spec: publicSpec } },
    });
    const instances = await listInstances(tx, [databaseId]);
    const accepted = {
      task: renderTask(task),
      database: renderDatabase(database, instances, create.knowledge.around),
    };
    await create.change.keep(tx, accepted);
    return { task, accepted };
  });
}

export function alreadyExists(databaseId: string): ApiError {
  return new ApiError('database_already_exists', `a database with the ID "${databaseId}" already exists`);
}
