import type { z } from '@hono/zod-openapi';
import { orLoginRefused } from '../../platform/target/errors.ts';
import type { Place } from '../../store/registry.ts';
import { rolesOfOtherEnvironments } from '../../store/role-facts.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import type { foundUserSchema, userListSchema } from '../schemas/users.ts';
import { type PlaceName, requirePlace, shownPlace } from './place.ts';

interface Login {
  name: string;
  superuser: boolean;
  createdb: boolean;
}

/** Every login role of the server that a database is on: roles belong to the whole of it. */
export async function listUsers(deps: ApiDeps, caller: Caller, of: PlaceName): Promise<z.infer<typeof userListSchema>> {
  const place = await requirePlace(deps, caller, of);
  const logins = await visibleLogins(deps, caller, place, null);
  return {
    ...shownPlace(place),
    users: logins.map((login) => ({ username: login.name, attributes: attributesOf(login, '') })),
  };
}

/** One login role, as the server has it now. */
export async function findUser(
  deps: ApiDeps,
  caller: Caller,
  of: PlaceName & { username: string },
): Promise<z.infer<typeof foundUserSchema>> {
  const place = await requirePlace(deps, caller, of);
  const [login] = await visibleLogins(deps, caller, place, of.username);
  const shown = { username: of.username, ...shownPlace(place) };
  return login === undefined
    ? { found: false, ...shown }
    : { found: true, ...shown, attributes: attributesOf(login, 'standard') };
}

/** In the words of the published API. @param ordinary of a user that has none of them */
function attributesOf({ superuser, createdb }: Login, ordinary: string): string {
  const words = [superuser && 'superuser', createdb && 'create database'].filter((word) => word !== false);
  return words.length === 0 ? ordinary : words.join(', ');
}

const LOGINS_SQL = `SELECT rolname AS name, rolsuper AS superuser, rolcreatedb AS createdb FROM pg_catalog.pg_roles
  WHERE rolcanlogin AND ($1::text IS NULL OR rolname = $1) ORDER BY rolname`;

/** Without those that were made for environments which the caller may not see (R6). */
async function visibleLogins(
  deps: ApiDeps,
  caller: Caller,
  { entry: { serverName } }: Place,
  name: string | null,
): Promise<Login[]> {
  const server = await deps.targets.get(serverName);
  const session = {
    applicationName: `pgsteward:${caller.requestId}`,
    doing: `reading the roles of server ${serverName}`,
  };
  const { rows } = await server
    .onMaintenance(session, (client) => client.query<Login>(LOGINS_SQL, [name]))
    .catch((error: unknown) => {
      const refused = orLoginRefused(error, serverName);
      throw refused === error ? error : new ApiError('server_error', (refused as Error).message);
    });
  if (caller.scope === undefined) return rows;
  const environments = caller.scope.environments ?? [];
  const hidden = await rolesOfOtherEnvironments(deps.db, { serverName, environments });
  return rows.filter((login) => !hidden.has(login.name));
}
