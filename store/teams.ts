import { v4 as uuidv4 } from 'uuid';
import type { RoleFlavor } from '../domain/clusters/flavors.ts';
import type { TeamRole } from '../domain/clusters/teams.ts';
import type { Queryable } from './connection.ts';
import { type KeysetPage, keyset } from './keyset.ts';

/** Accounts that share clusters. */
export interface TeamRecord {
  id: string;
  name: string;
  defaultRoleFlavor: RoleFlavor;
  createdAt: Date;
}

/** A team as one of its members sees it. */
export interface OwnTeam extends TeamRecord {
  role: TeamRole;
  /** The one that the account joined first. */
  isDefault: boolean;
}

export interface TeamMember {
  accountId: string;
  accountName: string;
  email: string | null;
  role: TeamRole;
  createdAt: Date;
}

const COLUMNS = `t.id, t.name, t.default_role_flavor AS "defaultRoleFlavor", t.created_at AS "createdAt"`;
const OWN = `${COLUMNS}, m.role, NOT EXISTS (
    SELECT FROM team_members o WHERE o.account_id = m.account_id AND (o.created_at, o.team_id) < (m.created_at, m.team_id)
  ) AS "isDefault"`;
const OWN_FROM = 'team_members m JOIN teams t ON t.id = m.team_id';
const ORDER_COLUMNS = { id: 't.id', name: 't.name' };

/** Teams of an account: a page, with one row more where another page follows. */
export async function listOwnTeams(db: Queryable, accountId: string, page: KeysetPage): Promise<OwnTeam[]> {
  const { condition, orderAndLimit, values } = keyset(page, ORDER_COLUMNS, 2);
  const { rows } = await db.query<OwnTeam>(
    `SELECT ${OWN} FROM ${OWN_FROM} WHERE m.account_id = $1 AND ${condition} ${orderAndLimit}`,
    [accountId, ...values],
  );
  return rows;
}

/** A team of an account; undefined for those of others. */
export async function findOwnTeam(
  db: Queryable,
  of: { teamId: string; accountId: string },
): Promise<OwnTeam | undefined> {
  const { rows } = await db.query<OwnTeam>(
    `SELECT ${OWN} FROM ${OWN_FROM} WHERE m.account_id = $1 AND m.team_id = $2`,
    [of.accountId, of.teamId],
  );
  return rows[0];
}

/** Id of the team that an account joined first. */
export async function findDefaultTeamId(db: Queryable, accountId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>(
    'SELECT team_id AS id FROM team_members WHERE account_id = $1 ORDER BY created_at, team_id LIMIT 1',
    [accountId],
  );
  return rows[0]?.id;
}

/** All teams: a page, with one row more where another page follows. */
export async function listTeams(db: Queryable, page: KeysetPage): Promise<TeamRecord[]> {
  const { condition, orderAndLimit, values } = keyset(page, ORDER_COLUMNS, 1);
  const { rows } = await db.query<TeamRecord>(
    `SELECT ${COLUMNS} FROM teams t WHERE ${condition} ${orderAndLimit}`,
    values,
  );
  return rows;
}

export async function findTeam(db: Queryable, id: string): Promise<TeamRecord | undefined> {
  const { rows } = await db.query<TeamRecord>(`SELECT ${COLUMNS} FROM teams t WHERE t.id = $1`, [id]);
  return rows[0];
}

/** Takes the team until the transaction ends. */
export async function lockTeam(tx: Queryable, id: string): Promise<TeamRecord | undefined> {
  const { rows } = await tx.query<TeamRecord>(`SELECT ${COLUMNS} FROM teams t WHERE t.id = $1 FOR UPDATE`, [id]);
  return rows[0];
}

/** @returns undefined when the name is taken */
export async function insertTeam(
  db: Queryable,
  team: { name: string; defaultRoleFlavor?: RoleFlavor | undefined },
): Promise<TeamRecord | undefined> {
  const { rows } = await db.query<TeamRecord>(
    `INSERT INTO teams AS t (id, name, default_role_flavor) VALUES ($1, $2, coalesce($3, 'read'))
     ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`,
    [uuidv4(), team.name, team.defaultRoleFlavor ?? null],
  );
  return rows[0];
}

/** @returns the team as it is now; undefined when another one has the name */
export async function updateTeam(
  tx: Queryable,
  team: Pick<TeamRecord, 'id' | 'name' | 'defaultRoleFlavor'>,
): Promise<TeamRecord | undefined> {
  const { rows } = await tx.query<TeamRecord>(
    `UPDATE teams t SET name = $2, default_role_flavor = $3
     WHERE t.id = $1 AND NOT EXISTS (SELECT FROM teams o WHERE o.name = $2 AND o.id <> $1) RETURNING ${COLUMNS}`,
    [team.id, team.name, team.defaultRoleFlavor],
  );
  return rows[0];
}

/** Only a team without clusters can be deleted; its members go with it. */
export async function deleteTeam(tx: Queryable, id: string): Promise<void> {
  await tx.query('DELETE FROM teams WHERE id = $1', [id]);
}

/** Members by the name of their account. */
export async function listMembers(db: Queryable, teamId: string): Promise<TeamMember[]> {
  const { rows } = await db.query<TeamMember>(
    `SELECT a.id AS "accountId", a.name AS "accountName", a.email, m.role, m.created_at AS "createdAt"
     FROM team_members m JOIN accounts a ON a.id = m.account_id WHERE m.team_id = $1 ORDER BY a.name`,
    [teamId],
  );
  return rows;
}

/** Makes an account a member, or changes its role in the team. @returns the role before; undefined for a new member */
export async function putMember(
  tx: Queryable,
  member: { teamId: string; accountId: string; role: TeamRole },
): Promise<TeamRole | undefined> {
  const { teamId, accountId, role } = member;
  const { rows } = await tx.query<{ role: TeamRole }>(
    'SELECT role FROM team_members WHERE team_id = $1 AND account_id = $2 FOR UPDATE',
    [teamId, accountId],
  );
  await tx.query(
    `INSERT INTO team_members (team_id, account_id, role) VALUES ($1, $2, $3)
     ON CONFLICT (team_id, account_id) DO UPDATE SET role = $3`,
    [teamId, accountId, role],
  );
  return rows[0]?.role;
}

/** @returns the role that the account had; undefined when it was no member */
export async function deleteMember(
  tx: Queryable,
  member: { teamId: string; accountId: string },
): Promise<TeamRole | undefined> {
  const { rows } = await tx.query<{ role: TeamRole }>(
    'DELETE FROM team_members WHERE team_id = $1 AND account_id = $2 RETURNING role',
    [member.teamId, member.accountId],
  );
  return rows[0]?.role;
}

export async function isMember(db: Queryable, of: { teamId: string; accountId: string }): Promise<boolean> {
  const { rowCount } = await db.query('SELECT FROM team_members WHERE team_id = $1 AND account_id = $2', [
    of.teamId,
    of.accountId,
  ]);
  return rowCount === 1;
}
