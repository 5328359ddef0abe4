import type { z } from '@hono/zod-openapi';
import {
  deleteEntry,
  insertEntry,
  lockEntry,
  type RegistryChange,
  type RegistryEntry,
  updateEntry,
} from '../../store/registry.ts';
import { mayUse } from '../access/may-use.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { type changeEntrySchema, entrySchema, type registerEntrySchema } from '../schemas/registry.ts';
import { linkServer } from './link-server.ts';
import { renderEntryWithServer } from './render.ts';

type Entry = z.infer<typeof entrySchema>;

/** Registers a database of an environment. */
export function registerEntry(
  deps: ApiDeps,
  caller: Caller,
  body: z.infer<typeof registerEntrySchema>,
): Promise<Entry> {
  const route = 'POST /api/v1/registry';
  const change = changeRequest(deps, { caller, route, content: body, answer: entrySchema });
  return change.atOnce(async (tx) => {
    assertMayUse(caller, body.env);
    const serverName = await linkServer(tx, caller, body);
    const { env, db_name: dbName, hostname, port, active, notes } = body;
    const entry = await insertEntry(tx, { env, dbName, hostname, port, active, notes, serverName });
    if (entry === undefined) throw alreadyExists(body.env, body.db_name);
    await auditChange(tx, caller, {
      action: 'registry.create',
      resource: resourceOf(entry),
      detail: { after: auditable(entry) },
    });
    return renderEntryWithServer(entry);
  });
}

/** Changes an entry. At another address it is on the server that is registered there, unless the request names one. */
export function changeEntry(
  deps: ApiDeps,
  caller: Caller,
  id: number,
  body: z.infer<typeof changeEntrySchema>,
): Promise<Entry> {
  const route = 'PATCH /api/v1/registry/{id}';
  const change = changeRequest(deps, { caller, route, content: { id, body }, answer: entrySchema });
  return change.atOnce(async (tx) => {
    const before = await lockVisible(tx, caller, id);
    if (body.env !== undefined) assertMayUse(caller, body.env);
    const { db_name: dbName = before.dbName, server, ...rest } = body;
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    const wanted: RegistryEntry = { ...before, dbName, ...given };
    const moved = wanted.hostname !== before.hostname || wanted.port !== before.port;
    if (moved || server !== undefined) wanted.serverName = await linkServer(tx, caller, { ...wanted, server });
    const after = await updateEntry(tx, wanted);
    if (after === undefined) throw alreadyExists(wanted.env, wanted.dbName);
    await auditChange(tx, caller, {
      action: 'registry.change',
      resource: resourceOf(after),
      detail: { before: auditable(before), after: auditable(after) },
    });
    return renderEntryWithServer(after);
  });
}

/** Forgets an entry; on its server nothing changes. */
export function removeEntry(deps: ApiDeps, caller: Caller, id: number): Promise<Entry> {
  const route = 'DELETE /api/v1/registry/{id}';
  const change = changeRequest(deps, { caller, route, content: { id }, answer: entrySchema });
  return change.atOnce(async (tx) => {
    const entry = await lockVisible(tx, caller, id);
    await deleteEntry(tx, id);
    await auditChange(tx, caller, {
      action: 'registry.delete',
      resource: resourceOf(entry),
      detail: { before: auditable(entry) },
    });
    return renderEntryWithServer(entry);
  });
}

/** @throws ApiError 404, also for an entry of an environment that the caller may not see (R6) */
async function lockVisible(tx: Parameters<typeof lockEntry>[0], caller: Caller, id: number): Promise<RegistryEntry> {
  const entry = await lockEntry(tx, id);
  if (entry === undefined || !mayUse(caller, 'environments', entry.env)) throw noSuchEntry(id);
  return entry;
}

export function noSuchEntry(id: number): ApiError {
  return new ApiError('not_found', `No registry entry found with id ${id}`);
}

/** @throws ApiError 403 for an environment outside the caller's scope: it is the caller who names it, so nothing is given away */
function assertMayUse(caller: Caller, env: string): void {
  if (mayUse(caller, 'environments', env)) return;
  throw new ApiError('forbidden', `these credentials do not reach environment ${JSON.stringify(env)}`);
}

function alreadyExists(env: string, dbName: string): ApiError {
  return new ApiError('already_exists', `env='${env}' database='${dbName}' is registered already`);
}

export const resourceOf = ({ id }: Pick<RegistryEntry, 'id'>): string => `registry/${id}`;

/** What the audit log shows of an entry. */
export function auditable({ env, dbName, hostname, port, active, notes, serverName }: RegistryChange) {
  return { env, dbName, hostname, port, active, notes, serverName };
}
