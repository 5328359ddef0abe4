import pg from 'pg';
import { eidOf } from '../../../domain/clusters/eid.ts';
import type { RoleFlavor } from '../../../domain/clusters/flavors.ts';
import { accountRole } from '../../../domain/clusters/role-names.ts';
import type { TeamRole } from '../../../domain/clusters/teams.ts';
import { insertCluster } from '../../../store/clusters.ts';
import { insertTeam, putMember } from '../../../store/teams.ts';
import { startEngine } from '../../access/engine/support/engine.ts';
import { makePerson } from '../../support/accounts.ts';
import type { ApiCalls, TestStack } from '../../support/stack.ts';
import type { VersionedServer } from '../../support/versions.ts';

/** A member of the team of a cluster. */
export interface Member extends ApiCalls {
  accountId: string;
  /** Name of its own role. */
  role: string;
}

/** A server as a cluster of a team with one member of each role. */
export interface Cluster {
  /** EID. */
  id: string;
  uuid: string;
  server: VersionedServer;
  serverName: string;
  /** Path of its roles. */
  path: string;
  teamId: string;
  admin: Member;
  manager: Member;
  member: Member;
  outsider: Member;
  addMember(role?: TeamRole): Promise<Member>;
}

/** An installation whose servers are clusters. */
export interface Clusters {
  stack: TestStack;
  /** @param of.as login of the control plane; `steward` is a superuser that is not called postgres */
  add(
    server: VersionedServer,
    of?: { as?: 'steward' | 'superuser' | 'limited'; flavor?: RoleFlavor },
  ): Promise<Cluster>;
  stop(): Promise<void>;
}

let made = 0;

export async function startClusters(): Promise<Clusters> {
  const engine = await startEngine();
  const { stack } = engine;
  const db = stack.control.db;

  async function person(teamId: string | undefined, role: TeamRole): Promise<Member> {
    const { account, credentials } = await makePerson(stack, { role: 'member' });
    if (teamId !== undefined) await putMember(db, { teamId, accountId: account.id, role });
    return { ...stack.as(credentials), accountId: account.id, role: accountRole(account.id).name };
  }

  return {
    stack,
    async add(server, { as = 'steward', flavor } = {}) {
      made += 1;
      const serverName = `cluster-${made}`;
      if (as === 'steward') await registerSteward(stack, serverName, server);
      else await engine.register(serverName, server, as);
      const team = await insertTeam(db, { name: `team of ${serverName}`, defaultRoleFlavor: flavor });
      if (team === undefined) throw new Error('the team was not made');
      const cluster = await insertCluster(db, { serverName, teamId: team.id, name: `the ${serverName}` });
      if (cluster === undefined) throw new Error('the server was not assigned');
      const id = eidOf(cluster.id);
      return {
        id,
        uuid: cluster.id,
        server,
        serverName,
        path: `/clusters/${id}/roles`,
        teamId: team.id,
        admin: await person(team.id, 'admin'),
        manager: await person(team.id, 'manager'),
        member: await person(team.id, 'member'),
        outsider: await person(undefined, 'member'),
        addMember: (role = 'member') => person(team.id, role),
      };
    },
    stop: () => engine.stop(),
  };
}

const STEWARD_PASSWORD = 'of the steward';

async function registerSteward(stack: TestStack, name: string, server: VersionedServer): Promise<void> {
  await server.query(`CREATE ROLE steward LOGIN SUPERUSER PASSWORD '${STEWARD_PASSWORD}'`);
  const { endpoints, tls } = server.address;
  const { status, body } = await stack.call('POST', '/v1/servers', {
    name,
    endpoints,
    tls: { mode: tls.mode, ca_certificate: 'caCertificate' in tls ? tls.caCertificate : undefined },
    admin: { user: 'steward', password: STEWARD_PASSWORD },
  });
  if (status !== 201) throw new Error(`the server was refused: ${status} ${JSON.stringify(body)}`);
}

/** A session with the connection string of an answer, as a client would open it. */
export async function loginWith(server: VersionedServer, uri: string, database?: string): Promise<pg.Client> {
  const url = new URL(uri);
  const tls = server.address.tls;
  const client = new pg.Client({
    host: url.hostname,
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: database ?? url.pathname.slice(1),
    ssl: { ca: 'caCertificate' in tls ? tls.caCertificate : undefined },
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Runs statements one by one with a connection string. @returns `ok`, or the SQLSTATE, of each */
export async function attempts(
  server: VersionedServer,
  uri: string,
  statements: readonly string[],
  database?: string,
): Promise<string[]> {
  const client = await loginWith(server, uri, database);
  try {
    return await attemptsOn(client, statements);
  } finally {
    await client.end();
  }
}

export async function attemptsOn(client: pg.Client, statements: readonly string[]): Promise<string[]> {
  const outcomes: string[] = [];
  for (const sql of statements) {
    outcomes.push(
      await client.query(sql).then(
        () => 'ok',
        (error: unknown) => (error instanceof pg.DatabaseError ? (error.code ?? 'none') : 'none'),
      ),
    );
  }
  return outcomes;
}
