import type { z } from '@hono/zod-openapi';
import { withoutSecrets } from '../../domain/access/document/parse.ts';
import type { DriftPolicy } from '../../domain/drift/policy.ts';
import type { Queryable } from '../../store/connection.ts';
import { forgetNamedDocument, nameDocument } from '../../store/drift/managed-documents.ts';
import { findDriftPolicy, putDriftPolicy } from '../../store/drift/policies.ts';
import { beginMaintenance, endMaintenance, type Maintenance } from '../../store/maintenance.ts';
import { lockServer } from '../../store/servers.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidInput } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { checkOnServer, parseSubmitted } from '../roles/check.ts';
import {
  driftPolicySchema,
  maintenanceAnswerSchema,
  managedDocumentSchema,
  type putDriftPolicySchema,
  type setMaintenanceSchema,
} from '../schemas/drift.ts';
import { noSuchServer } from '../servers/require-server.ts';
import { renderDriftPolicy, renderMaintenance, renderManagedDocument } from './render.ts';

/** The server stays as it is until the transaction ends. @throws ApiError 404 */
async function holdServer(tx: Queryable, name: string): Promise<void> {
  if ((await lockServer(tx, name)) === undefined) throw noSuchServer(name);
}

/** Sets what is done about drift on a server. */
export function acceptDriftPolicy(
  deps: ApiDeps,
  caller: Caller,
  name: string,
  body: z.infer<typeof putDriftPolicySchema>,
): Promise<z.infer<typeof driftPolicySchema>> {
  const route = 'PUT /v1/servers/{name}/drift-policy';
  const change = changeRequest(deps, { caller, route, content: { name, body }, answer: driftPolicySchema });
  return change.atOnce(async (tx) => {
    await holdServer(tx, name);
    const policy: DriftPolicy = {
      default: body.default,
      kinds: body.kinds,
      intervalSeconds: body.interval_seconds,
      proofSeconds: body.proof_seconds,
    };
    const before = await findDriftPolicy(tx, name);
    const after = await putDriftPolicy(tx, { serverName: name, policy });
    await auditChange(tx, caller, {
      action: 'server.drift_policy',
      resource: `server/${name}`,
      detail: { before: before.policy, after: after.policy },
    });
    return renderDriftPolicy(after);
  });
}

/** Names the document that a server is held against. Nothing is changed on the server. */
export async function acceptManagedDocument(
  deps: ApiDeps,
  caller: Caller,
  name: string,
  submitted: unknown,
): Promise<z.infer<typeof managedDocumentSchema>> {
  const route = 'PUT /v1/servers/{name}/managed-document';
  const change = changeRequest(deps, { caller, route, content: { name, submitted }, answer: managedDocumentSchema });
  const parsed = parseSubmitted(submitted);
  const [withPassword] = parsed.passwords.keys();
  if (withPassword !== undefined) {
    const message = 'must be left out: passwords are guarded by what is on record of each role';
    throw invalidInput([{ path: `role ${withPassword}: password or verifier`, message }]);
  }
  await checkOnServer(deps, { serverName: name, caller }, parsed);
  return change.atOnce(async (tx) => {
    await holdServer(tx, name);
    const document = withoutSecrets(submitted);
    const named = await nameDocument(tx, { serverName: name, document, actor: caller.account });
    await auditChange(tx, caller, {
      action: 'server.managed_document',
      resource: `server/${name}`,
      detail: { after: { document } },
    });
    return renderManagedDocument(named);
  });
}

/** From now on the document that was applied last counts again. @returns the one that was named */
export function removeManagedDocument(
  deps: ApiDeps,
  caller: Caller,
  name: string,
): Promise<z.infer<typeof managedDocumentSchema>> {
  const route = 'DELETE /v1/servers/{name}/managed-document';
  const change = changeRequest(deps, { caller, route, content: { name }, answer: managedDocumentSchema });
  return change.atOnce(async (tx) => {
    await holdServer(tx, name);
    const named = await forgetNamedDocument(tx, name);
    if (named === undefined) throw new ApiError('not_found', `no document was named for server ${name}`);
    await auditChange(tx, caller, {
      action: 'server.managed_document',
      resource: `server/${name}`,
      detail: { before: { document: named.document as object } },
    });
    return renderManagedDocument(named);
  });
}

/** Begins or ends maintenance of a server. */
export function acceptMaintenance(
  deps: ApiDeps,
  caller: Caller,
  name: string,
  body: z.infer<typeof setMaintenanceSchema>,
): Promise<z.infer<typeof maintenanceAnswerSchema>> {
  const route = 'POST /v1/servers/{name}/maintenance';
  const { enabled, reason = '', until } = body;
  const end = until === undefined ? null : new Date(until);
  if (end !== null && end.getTime() <= Date.now()) throw invalidInput([{ path: 'until', message: 'is over already' }]);
  const change = changeRequest(deps, { caller, route, content: { name, body }, answer: maintenanceAnswerSchema });
  return change.atOnce(async (tx) => {
    await holdServer(tx, name);
    const { before, after } = enabled
      ? await beginMaintenance(tx, { serverName: name, reason, actor: caller.account, until: end })
      : { before: await endMaintenance(tx, name), after: undefined };
    await auditChange(tx, caller, {
      action: 'server.maintenance',
      resource: `server/${name}`,
      detail: { ...partOf('before', before), ...partOf('after', after) },
    });
    const shown = after ?? before;
    return { enabled, ...(shown === undefined ? {} : { maintenance: renderMaintenance(shown) }) };
  });
}

function partOf<K extends string>(key: K, maintenance: Maintenance | undefined) {
  return maintenance === undefined ? {} : { [key]: { ...renderMaintenance(maintenance) } };
}
