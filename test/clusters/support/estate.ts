import { randomUUID } from 'node:crypto';
import { eidOf } from '../../../domain/clusters/eid.ts';
import type { TeamRole } from '../../../domain/clusters/teams.ts';
import { makeToken } from '../../../platform/secrets/token.ts';
import { type ClusterRecord, insertCluster } from '../../../store/clusters.ts';
import { findServer, insertServer } from '../../../store/servers.ts';
import { insertTeam, putMember, type TeamRecord } from '../../../store/teams.ts';
import { insertToken, type NewTokenRecord } from '../../../store/tokens.ts';
import { makePerson, type Person } from '../../support/accounts.ts';
import type { TestStack } from '../../support/stack.ts';

/** Somebody with an API key. */
export interface Member extends Person {
  key: string;
  keyId: string;
  eid: string;
}

/** An account with an API key, in no team yet. */
export async function makeMember(
  stack: Pick<TestStack, 'control'>,
  input: Parameters<typeof makePerson>[1] & { key?: Pick<NewTokenRecord, 'role' | 'scope' | 'expiresAt'> },
): Promise<Member> {
  const person = await makePerson(stack, input);
  const { text: key, ...token } = makeToken('cbkey');
  const { id: keyId } = await insertToken(stack.control.db, {
    ...token,
    ...input.key,
    accountId: person.account.id,
    name: 'laptop',
  });
  return { ...person, key, keyId, eid: eidOf(person.account.id) };
}

/** A team with members. */
export async function makeTeam(
  stack: Pick<TestStack, 'control'>,
  members: readonly (readonly [Person, TeamRole])[],
  name = `team ${randomUUID().slice(0, 8)}`,
): Promise<TeamRecord & { eid: string }> {
  const { db } = stack.control;
  const team = await insertTeam(db, { name });
  if (team === undefined) throw new Error(`there is a team ${name} already`);
  for (const [{ account }, role] of members) await putMember(db, { teamId: team.id, accountId: account.id, role });
  return { ...team, eid: eidOf(team.id) };
}

/** Registers a server like the stack's own, without looking at it, and assigns it to a team. */
export async function makeCluster(
  stack: Pick<TestStack, 'control'>,
  input: {
    teamId: string;
    name?: string;
    serverName?: string;
    change?: Partial<Parameters<typeof insertServer>[1]>;
  },
): Promise<ClusterRecord & { eid: string }> {
  const { db } = stack.control;
  const { teamId, name = `cluster ${randomUUID().slice(0, 8)}`, serverName = `s-${randomUUID().slice(0, 8)}` } = input;
  if ((await findServer(db, serverName)) === undefined) {
    const known = await findServer(db, 'host-1');
    if (known === undefined) throw new Error('the stack has no server');
    await insertServer(db, { ...known, name: serverName, systemIdentifier: randomUUID(), ...input.change });
  }
  const cluster = await insertCluster(db, { serverName, teamId, name });
  if (cluster === undefined) throw new Error(`server ${serverName} is a cluster already`);
  return { ...cluster, eid: eidOf(cluster.id) };
}
