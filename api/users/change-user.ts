import type { AccessOptions } from '../../domain/access/request-options.ts';
import { parseSearchPath, searchPathValue } from '../../domain/users/search-path.ts';
import type { Caller } from '../caller.ts';
import { invalidInput } from '../errors.ts';
import type { DocumentChange } from '../roles/change.ts';
import type { UserDeps } from './deps.ts';
import { type HandoverParameters, handoverWish } from './handover.ts';
import {
  adoption,
  answerWithPassword,
  auditOf,
  conditionOf,
  newPassword,
  type Operation,
  usualOptions,
} from './operation.ts';
import { requireAllowed, requirePlace, shownPlace } from './place.ts';

/** Which user is meant. */
export interface UserName {
  env: string;
  database: string;
  username: string;
  override?: boolean | undefined;
}

const NOT_FOUND = 'user not found';

function withAudit(
  options: AccessOptions,
  audit: ReturnType<typeof auditOf>,
): Pick<DocumentChange, 'options' | 'detail'> {
  return { options: { ...options, ...audit.options }, detail: audit.detail };
}

/** Gives a user a new password. Requests that wait together are one, and all their callers get that password (R8). */
export async function reset(
  deps: UserDeps,
  caller: Caller,
  of: UserName & HandoverParameters,
  origin: string,
): Promise<Operation> {
  const handover = handoverWish(deps, of, origin);
  const place = await requirePlace(deps, caller, of);
  requireAllowed(place, { operation: 'reset', env: of.env });
  const { username } = of;
  const condition = conditionOf(caller, of);
  const { allow, role } = adoption(condition);
  const generated = newPassword();
  return {
    change: {
      serverName: place.entry.serverName,
      document: { allow, roles: [{ name: username, password: generated, ...role }] },
      prefix: 'roles[0].',
      ...withAudit({ condition, shared: true, ...usualOptions(caller) }, auditOf('reset', of)),
    },
    async answer(done) {
      if (done.result.missing === true) {
        return { ...shownPlace(place), username, password: null, status: NOT_FOUND };
      }
      deps.groups.refreshSoon(caller, place);
      const status = 'password reset';
      return answerWithPassword(deps, caller, { place, username, status, done, generated, handover });
    },
  };
}

/** Sets where a user looks for tables, in the database that is named. */
export async function setSearchPath(
  deps: UserDeps,
  caller: Caller,
  of: UserName & { schema: string },
): Promise<Operation> {
  const parsed = parseSearchPath(of.schema);
  if ('problem' in parsed) throw invalidInput([{ path: 'schema', message: parsed.problem }]);
  const place = await requirePlace(deps, caller, of);
  requireAllowed(place, { operation: 'search-path', env: of.env });
  const { database, username, schema } = of;
  const condition = conditionOf(caller, of);
  const { allow, role } = adoption(condition);
  const setting = { role: username, name: 'search_path', value: searchPathValue(parsed.schemas), database };
  return {
    change: {
      serverName: place.entry.serverName,
      document: {
        allow,
        ...(condition.override === true && { roles: [{ name: username, ...role }] }),
        settings: [setting],
      },
      prefix: 'settings[0].',
      ...withAudit({ condition, ...usualOptions(caller) }, auditOf('search-path', of, { schema })),
    },
    answer: async ({ result }) => ({
      ...shownPlace(place),
      username,
      password: null,
      status: result.missing === true ? NOT_FOUND : `search_path set to ${schema}`,
    }),
  };
}

/** Keeps a user from logging in, and ends the sessions that are open; or lets it in again. */
export async function setLogin(deps: UserDeps, caller: Caller, of: UserName & { login: boolean }): Promise<Operation> {
  const { env, username, login } = of;
  const operation = login ? 'enable' : 'disable';
  const place = await requirePlace(deps, caller, of);
  requireAllowed(place, { operation, env });
  // A role without login may be a group, or somebody else's lock: only what was made or locked here is opened.
  const condition = { ...conditionOf(caller, of), ...(login && { onlyKnown: true }) };
  const { allow, role } = adoption(condition);
  return {
    change: {
      serverName: place.entry.serverName,
      document: { allow, roles: [{ name: username, login, ...role }] },
      prefix: 'roles[0].',
      ...withAudit(
        { condition, disabled: !login, ...(login ? {} : { endSessions: true }), ...usualOptions(caller) },
        auditOf(operation, of),
      ),
    },
    answer: async ({ result }) => ({
      ...shownPlace(place),
      username,
      password: null,
      status: result.missing === true ? NOT_FOUND : `user ${operation}d`,
    }),
  };
}
