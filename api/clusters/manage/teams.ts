import type { z } from '@hono/zod-openapi';
import type { TeamRole } from '../../../domain/clusters/teams.ts';
import { findAccount } from '../../../store/accounts.ts';
import { listClusters } from '../../../store/clusters.ts';
import type { Queryable } from '../../../store/connection.ts';
import {
  deleteMember,
  deleteTeam,
  insertTeam,
  listMembers,
  lockTeam,
  putMember,
  type TeamRecord,
  updateTeam,
} from '../../../store/teams.ts';
import { noSuchAccount } from '../../accounts/change.ts';
import { auditChange } from '../../audit-change.ts';
import type { Caller } from '../../caller.ts';
import type { ApiDeps } from '../../deps.ts';
import { ApiError } from '../../errors.ts';
import { changeRequest } from '../../idempotency.ts';
import { renderMember, renderTeam } from './render.ts';
import { memberSchema, type newTeamSchema, type teamChangeSchema, teamSchema } from './schemas.ts';

type Team = z.infer<typeof teamSchema>;
type Member = z.infer<typeof memberSchema>;

/** @throws ApiError 409 for a name that is taken */
export function createTeam(deps: ApiDeps, caller: Caller, body: z.infer<typeof newTeamSchema>): Promise<Team> {
  const change = changeRequest(deps, { caller, route: 'POST /v1/teams', content: body, answer: teamSchema });
  return change.atOnce(async (tx) => {
    const { name, default_role_flavor: defaultRoleFlavor } = body;
    const team = await insertTeam(tx, { name, defaultRoleFlavor });
    if (team === undefined) throw nameTaken(name);
    await auditChange(tx, caller, { action: 'team.create', resource: resourceOf(team), detail: detailOf(team) });
    return renderTeam(team);
  });
}

/** @throws ApiError 404, 409 for a name that is taken */
export function changeTeam(
  deps: ApiDeps,
  caller: Caller,
  id: string,
  body: z.infer<typeof teamChangeSchema>,
): Promise<Team> {
  const route = 'PATCH /v1/teams/{team_id}';
  const change = changeRequest(deps, { caller, route, content: { id, body }, answer: teamSchema });
  return change.atOnce(async (tx) => {
    const before = await takeTeam(tx, id);
    const { name = before.name, default_role_flavor: defaultRoleFlavor = before.defaultRoleFlavor } = body;
    const team = await updateTeam(tx, { id, name, defaultRoleFlavor });
    if (team === undefined) throw nameTaken(name);
    await auditChange(tx, caller, {
      action: 'team.change',
      resource: resourceOf(team),
      detail: { ...detailOf(team), before: detailOf(before) },
    });
    return renderTeam(team);
  });
}

/** Forgets a team with its memberships. @throws ApiError 404, 409 while it has clusters */
export function removeTeam(deps: ApiDeps, caller: Caller, id: string): Promise<Team> {
  const route = 'DELETE /v1/teams/{team_id}';
  const change = changeRequest(deps, { caller, route, content: { id }, answer: teamSchema });
  return change.atOnce(async (tx) => {
    const team = await takeTeam(tx, id);
    const [cluster] = await listClusters(tx, { teamId: id }, { orderField: 'name', order: 'asc', limit: 1 });
    if (cluster !== undefined) {
      throw new ApiError('team_in_use', `team "${team.name}" has the cluster "${cluster.name}"; unassign it first`);
    }
    await deleteTeam(tx, id);
    await auditChange(tx, caller, {
      action: 'team.delete',
      resource: resourceOf(team),
      detail: { before: detailOf(team) },
    });
    return renderTeam(team);
  });
}

/** Makes an account a member of a team, or changes what it may do there. @throws ApiError 404, 403 for a built-in account */
export function setMember(
  deps: ApiDeps,
  caller: Caller,
  member: { teamId: string; accountId: string; role: TeamRole },
): Promise<Member> {
  const route = 'PUT /v1/teams/{team_id}/members/{account_id}';
  const change = changeRequest(deps, { caller, route, content: member, answer: memberSchema });
  const { teamId, accountId, role } = member;
  return change.atOnce(async (tx) => {
    const team = await takeTeam(tx, teamId);
    const account = await findAccount(tx, accountId);
    if (account === undefined) throw noSuchAccount();
    if (account.origin === 'built_in') {
      throw new ApiError('forbidden', `account "${account.name}" is of this program itself and is in no team`);
    }
    const before = await putMember(tx, member);
    await auditChange(tx, caller, {
      action: 'team.put_member',
      resource: resourceOf(team),
      detail: {
        account: account.name,
        accountId,
        role,
        ...(before === undefined ? {} : { before: { role: before } }),
      },
    });
    const now = (await listMembers(tx, teamId)).find((one) => one.accountId === accountId);
    if (now === undefined) throw new Error('a member was not recorded');
    return renderMember(now);
  });
}

/** Ends a membership; the account's roles on servers stay until somebody deletes them. @throws ApiError 404 */
export function removeMember(
  deps: ApiDeps,
  caller: Caller,
  member: { teamId: string; accountId: string },
): Promise<Member> {
  const route = 'DELETE /v1/teams/{team_id}/members/{account_id}';
  const change = changeRequest(deps, { caller, route, content: member, answer: memberSchema });
  const { teamId, accountId } = member;
  return change.atOnce(async (tx) => {
    const team = await takeTeam(tx, teamId);
    const before = (await listMembers(tx, teamId)).find((one) => one.accountId === accountId);
    if (before === undefined) throw new ApiError('not_found', 'the account is not a member of this team');
    await deleteMember(tx, member);
    await auditChange(tx, caller, {
      action: 'team.remove_member',
      resource: resourceOf(team),
      detail: { account: before.accountName, accountId, before: { role: before.role } },
    });
    return renderMember(before);
  });
}

/** @throws ApiError 404 */
async function takeTeam(tx: Queryable, id: string): Promise<TeamRecord> {
  const team = await lockTeam(tx, id);
  if (team === undefined) throw noSuchTeam();
  return team;
}

export function noSuchTeam(): ApiError {
  return new ApiError('not_found', 'no team found with the given ID');
}

function nameTaken(name: string): ApiError {
  return new ApiError('team_already_exists', `a team with the name "${name}" exists already`);
}

const resourceOf = ({ id }: TeamRecord): string => `team/${id}`;

function detailOf({ name, defaultRoleFlavor }: TeamRecord) {
  return { name, defaultRoleFlavor };
}
