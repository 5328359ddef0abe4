import type pg from 'pg';
import { auditChange } from '../api/audit-change.ts';
import { recordAssignment } from '../api/clusters/manage/clusters.ts';
import { NAME_PATTERN } from '../domain/clusters/teams.ts';
import { writePrivateFile } from '../platform/files/write-private-file.ts';
import { makeToken } from '../platform/secrets/token.ts';
import { findAccountByName, lockAccounts } from '../store/accounts.ts';
import { inTransaction, type Queryable } from '../store/connection.ts';
import { insertTeam, listTeams, putMember, type TeamRecord } from '../store/teams.ts';
import { insertToken } from '../store/tokens.ts';
import { FIRST_ADMINISTRATOR } from './first-administrator.ts';
import { START_UP } from './start-up-actor.ts';

const TEAM_NAME = 'administrators';
const KEY_NAME = 'cluster API';
const MAX_NAME = 50;

/** What the first administrator was given. */
export interface FirstTeam {
  /** An API key of the form that clients of the cluster API demand: a secret, also in the file. */
  key: string;
  clusterName: string;
}

/**
 * Gives the first administrator a team of its own with the server that this process brings along (R5), and an API key, also
 * written to a file. Only while there is no team at all.
 * @returns undefined where there is one, or no first administrator
 */
export function ensureFirstTeam(
  db: pg.Pool,
  { file, serverName }: { /** Gets the key, with mode 0600. */ file: string; serverName: string },
): Promise<FirstTeam | undefined> {
  return inTransaction(db, async (tx) => {
    await lockAccounts(tx);
    const [known] = await listTeams(tx, { orderField: 'id', order: 'asc', limit: 1 });
    const account = await findAccountByName(tx, FIRST_ADMINISTRATOR);
    if (known !== undefined || account === undefined || account.disabledAt !== null) return undefined;
    const team = await makeTeam(tx, account.id);
    const clusterName = nameFor(serverName);
    await recordAssignment(tx, START_UP, { serverName, teamId: team.id, name: clusterName });
    const { text: key, ...token } = makeToken('cbkey');
    // The file first: a key that nobody has is of no use, and a file without a key is written over at the next start.
    await writePrivateFile(file, `${key}\n`);
    const { id, shown } = await insertToken(tx, { ...token, accountId: account.id, name: KEY_NAME });
    await auditChange(tx, START_UP, {
      action: 'token.create',
      resource: `token/${id}`,
      detail: { account: account.name, shown },
    });
    return { key, clusterName };
  });
}

async function makeTeam(tx: Queryable, accountId: string): Promise<TeamRecord> {
  const team = await insertTeam(tx, { name: TEAM_NAME });
  if (team === undefined) throw new Error('the first team could not be made');
  await putMember(tx, { teamId: team.id, accountId, role: 'admin' });
  const resource = `team/${team.id}`;
  await auditChange(tx, START_UP, { action: 'team.create', resource, detail: { name: team.name } });
  await auditChange(tx, START_UP, {
    action: 'team.put_member',
    resource,
    detail: { account: FIRST_ADMINISTRATOR, accountId, role: 'admin' },
  });
  return team;
}

/** That of the server, where it may be one of a cluster. */
function nameFor(serverName: string): string {
  return NAME_PATTERN.test(serverName)
    ? serverName
    : `cluster-${serverName}`.slice(0, MAX_NAME).replace(/[^a-z0-9]+$/i, '');
}
