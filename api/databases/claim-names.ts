import { defaultOwnerRole } from '../../domain/marker.ts';
import type { Problem } from '../../domain/spec/problems.ts';
import type { SpecSecrets } from '../../domain/spec/secrets.ts';
import type { DatabaseSpec, SpecRequest } from '../../domain/spec/types.ts';
import type { Queryable } from '../../store/connection.ts';
import { type CredentialOrigin, type CredentialRecord, claimCredentials } from '../../store/credentials.ts';
import { reserveDatabaseName } from '../../store/databases.ts';
import { databaseSecretOwner, userSecretId } from '../../store/secrets.ts';
import type { Caller } from '../caller.ts';
import { invalidInput } from '../errors.ts';
import { holderText } from './holder-text.ts';
import type { Knowledge } from './knowledge.ts';

/** What takes names. */
export interface NamedCreate {
  caller: Pick<Caller, 'scope'>;
  databaseId: string;
  request: SpecRequest;
  knowledge: Knowledge;
  secrets: SpecSecrets;
}

/**
 * Takes the database's name and its roles on every server of its nodes (R1, R8, R21).
 * @throws ApiError naming what other databases hold
 */
export async function claimNames(tx: Queryable, create: NamedCreate): Promise<void> {
  const problems = [...(await claimDatabaseName(tx, create)), ...(await claimRoles(tx, create))];
  if (problems.length > 0) throw invalidInput(problems);
}

async function claimDatabaseName(tx: Queryable, create: NamedCreate): Promise<Problem[]> {
  const { caller, databaseId, request, knowledge } = create;
  const databaseName = request.spec.database_name;
  const nodes = knowledge.nodeServers
    .map(({ nodeName, server }) => ({ nodeName, serverName: server.name, databaseName }))
    // In one order for all requests, so that two of them never wait for each other crosswise.
    .sort((a, b) => (a.serverName < b.serverName ? -1 : 1));
  const holder = await reserveDatabaseName(tx, { databaseId, nodes });
  if (holder === undefined) return [];
  const { serverName, takenBy } = holder;
  if (takenBy === databaseId) return [{ path: 'nodes', message: `two nodes are on the same server ${serverName}` }];
  const message = `the name "${databaseName}" is taken on server ${serverName} by ${holderText(caller, takenBy)}`;
  return [{ path: 'database_name', message }];
}

/** Takes the roles of a specification; those that the database has already stay its own. */
export async function claimRoles(tx: Queryable, create: NamedCreate): Promise<Problem[]> {
  const users = create.request.spec.database_users ?? [];
  const held = await claimCredentials(tx, credentialsOf(create));
  return held.map(({ roleName, serverName }) => {
    const index = users.findIndex(({ username }) => username === roleName);
    return {
      path: index < 0 ? 'database_users' : `database_users[${index}].username`,
      message: `role "${roleName}" on server ${serverName} belongs to another database`,
    };
  });
}

function credentialsOf({ databaseId, request, knowledge, secrets }: NamedCreate): Omit<CredentialRecord, 'roleOid'>[] {
  const serverNames = [...new Set(knowledge.nodeServers.map(({ server }) => server.name))];
  return serverNames.flatMap((serverName) =>
    rolesOf(databaseId, request.spec).map(({ roleName, origin }) => {
      const hasSecret = secrets.userPasswords.has(roleName);
      return {
        serverName,
        roleName,
        origin,
        owner: databaseSecretOwner(databaseId),
        databaseId,
        secretId: hasSecret ? userSecretId(databaseId, roleName) : null,
        version: hasSecret ? 1 : 0,
      };
    }),
  );
}

/** The users, and an owner of our own where none of them is to own the database. */
export function rolesOf(databaseId: string, spec: DatabaseSpec): { roleName: string; origin: CredentialOrigin }[] {
  const users = spec.database_users ?? [];
  const roles = users.map(({ username, adopt }) => ({
    roleName: username,
    origin: adopt === true ? ('adopted' as const) : ('user' as const),
  }));
  if (users.some((user) => user.db_owner === true)) return roles;
  return [...roles, { roleName: defaultOwnerRole(databaseId), origin: 'owner' }];
}
