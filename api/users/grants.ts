import type { z } from '@hono/zod-openapi';
import { LATER_KIND, readPrivilegeWords, SCHEMA_OBJECTS, unfit } from '../../domain/users/schema-grants.ts';
import { refuseHeld } from '../approvals/hold.ts';
import type { Caller } from '../caller.ts';
import { invalidInput } from '../errors.ts';
import { changeNow } from '../roles/change.ts';
import type { grantAnswerSchema, userGrantSchema, userRevokeSchema } from '../schemas/user-grants.ts';
import type { UserDeps } from './deps.ts';
import { patienceOf } from './operation.ts';
import { requireAllowed, requirePlace, shownPlace } from './place.ts';

type Grant = z.output<typeof userGrantSchema>;
type Revoke = z.output<typeof userRevokeSchema>;

/** Grants or revokes privileges in a database of an environment. */
export async function changePrivileges(
  deps: UserDeps,
  caller: Caller,
  request: { list: 'grants'; body: Grant } | { list: 'revokes'; body: Revoke },
): Promise<z.infer<typeof grantAnswerSchema>> {
  const { list, body } = request;
  const { env, database } = body;
  const place = await requirePlace(deps, caller, body);
  const { privileges } = readPrivilegeWords(body.privileges);
  requireAllowed(place, list === 'grants' ? { operation: 'grant', env, privileges } : { operation: 'revoke', env });
  const grantees = 'to' in body ? body.to : body.from;
  const kind = list === 'grants' ? 'grant' : 'revoke';
  await refuseHeld(deps, caller, { serverName: place.entry.serverName, kind, roles: grantees });
  const entries = body.on === undefined ? ofSchema(list, body) : [named(list, body)];
  const { taskId, result } = await changeNow(deps, caller, {
    serverName: place.entry.serverName,
    route: `/api/v1/${list}`,
    content: body,
    document: { databases: [{ name: database, [list]: entries }] },
    prefix: `databases[0].${list}[0].`,
    options: {
      ...(body.later === true && { fill: { later: 'creators' as const } }),
      ...patienceOf(caller),
      audit: { action: `user.${list}`, resource: `user/${env}/${database}` },
    },
    detail: { env, database, [list]: entries },
  });
  const { steps = [], uncovered } = result;
  const done = list === 'grants' ? 'granted' : 'revoked';
  return {
    ...shownPlace(place),
    status: steps.length === 0 ? `everything was ${done} before` : done,
    task_id: taskId,
    steps,
    ...(uncovered !== undefined && { uncovered }),
  };
}

/** Entries of the role engine's document. */
type Entry = Record<string, unknown>;

function named(list: 'grants' | 'revokes', body: Grant | Revoke): Entry {
  const { env: _, database: __, later, ...entry } = body;
  return list === 'grants' && Array.isArray(later) ? { ...entry, later } : entry;
}

/** With USAGE on the schema, without which nothing in it is found; that stays when the rest is revoked. */
function ofSchema(list: 'grants' | 'revokes', body: Grant | Revoke): Entry[] {
  const { schema = '', objects = 'tables', later } = body;
  const { privileges, unknown } = readPrivilegeWords(body.privileges);
  const wrong = [...unknown, ...unfit(objects, privileges)];
  if (wrong.length > 0) {
    throw invalidInput([{ path: 'privileges', message: `there is no privilege ${wrong.join(', ')} on ${objects}` }]);
  }
  const grantees = 'to' in body ? { to: body.to } : { from: body.from };
  const entries = SCHEMA_OBJECTS[objects].map((kind): Entry => {
    const covers = list === 'grants' && Array.isArray(later) && kind === LATER_KIND[objects];
    return { on: { kind, schema, all: true }, privileges, ...grantees, ...(covers && { later }) };
  });
  if (list === 'revokes') return entries;
  return [...entries, { on: { kind: 'schema', names: [schema] }, privileges: ['USAGE'], ...grantees }];
}
