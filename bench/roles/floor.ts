import pg from 'pg';
import { quoteIdentifier, quoteIdentifiers, quoteLiteral } from '../../domain/sql/quote.ts';
import type { Superuser } from './connection.ts';
import { cpuMsSince } from './cpu.ts';
import { RIGHTS_SQL, ROLES_SQL, rightsSql } from './floor-sql.ts';
import { serve } from './helper.ts';
import type { DatabaseWorkload, Right, Workload } from './workload.ts';

/**
 * What somebody who knows PostgreSQL would write for one workload, in a process of its own: a connection for each database, all
 * at the same time, one bulk read in each, the comparison in memory, one transaction in each database with as few statements as
 * possible. Nothing is planned, shown, locked, verified, recorded or undone.
 */
export type FloorRequest =
  | { superuser: Superuser; task: 'read' | 'apply'; workload: Workload }
  | { superuser: Superuser; task: 'create roles'; creation: RoleCreation };

/** CREATE ROLE with a verifier, as fast as the server takes it. */
export interface RoleCreation {
  names: readonly string[];
  verifier: string;
  connections: number;
  /** Statements of one transaction, sent as one message. */
  perTransaction: number;
}

export interface FloorAnswer {
  /** From nothing to done, connections included. */
  ms: number;
  /** CPU time that this process spent on it. */
  cpuMs: number;
  /** Roles, memberships and rights that differed. */
  changes: number;
  /** Highest resident memory so far, and what it is before any work, in bytes. */
  memory: { peak: number; idle: number };
}

interface RoleRow {
  name: string;
  login: boolean;
  groups: string[];
}

const idle = process.memoryUsage.rss();

serve<FloorRequest, FloorAnswer>(async (request) => {
  const cpu = process.cpuUsage();
  const measured =
    request.task === 'create roles'
      ? await createRoles(request.superuser, request.creation)
      : await reconcile(request.superuser, request.workload, request.task === 'apply');
  return { ...measured, cpuMs: cpuMsSince(cpu), memory: { peak: process.resourceUsage().maxRSS * 1024, idle } };
});

async function reconcile(superuser: Superuser, workload: Workload, apply: boolean) {
  const startedAt = performance.now();
  const clients = await Promise.all(workload.databases.map(({ name }) => connect(superuser, name)));
  const [first] = clients;
  if (first === undefined) throw new Error('a workload has at least one database');
  const names = [...workload.groups, ...workload.logins.map(({ name }) => name)];
  const [roles, ...rights] = await Promise.all([
    first.query<RoleRow>(ROLES_SQL, [names]),
    ...clients.map((client) => client.query<Right>(RIGHTS_SQL, [workload.groups])),
  ]);
  const server = serverSql(workload, roles.rows);
  const databases = workload.databases.map((database, index) => difference(database, rights[index]?.rows ?? []));
  if (apply) {
    await first.query(transaction(server.statements));
    await Promise.all(databases.map((change, index) => clients[index]?.query(transaction(rightsSql(change)))));
  }
  await Promise.all(clients.map((client) => client.end()));
  const changes = databases.reduce((sum, { give, take }) => sum + give.length + take.length, server.changes);
  return { ms: performance.now() - startedAt, changes };
}

async function connect(superuser: Superuser, database: string): Promise<pg.Client> {
  const client = new pg.Client({ ...superuser, database, application_name: 'bench-floor' });
  await client.connect();
  return client;
}

const transaction = (statements: readonly string[]): string =>
  statements.length === 0 ? '' : ['BEGIN', ...statements, 'COMMIT'].join(';\n');

function serverSql(workload: Workload, rows: readonly RoleRow[]): { statements: string[]; changes: number } {
  const there = new Map(rows.map((row) => [row.name, row]));
  const statements: string[] = [];
  let changes = 0;
  const role = (name: string, login: boolean) => {
    const known = there.get(name);
    if (known?.login === login) return;
    changes += 1;
    statements.push(`${known ? 'ALTER' : 'CREATE'} ROLE ${quoteIdentifier(name)} ${login ? 'LOGIN' : 'NOLOGIN'}`);
  };
  for (const name of workload.groups) role(name, false);
  const joining = new Map<string, string[]>();
  const leaving = new Map<string, string[]>();
  for (const { name, group } of workload.logins) {
    role(name, true);
    const groups = there.get(name)?.groups ?? [];
    if (!groups.includes(group)) joining.set(group, [...(joining.get(group) ?? []), name]);
    for (const other of groups) if (other !== group) leaving.set(other, [...(leaving.get(other) ?? []), name]);
  }
  for (const [group, members] of leaving)
    statements.push(`REVOKE ${quoteIdentifier(group)} FROM ${quoteIdentifiers(members)}`);
  for (const [group, members] of joining)
    statements.push(`GRANT ${quoteIdentifier(group)} TO ${quoteIdentifiers(members)}`);
  for (const members of [...joining.values(), ...leaving.values()]) changes += members.length;
  return { statements, changes };
}

function difference(database: DatabaseWorkload, observed: readonly Right[]): { give: Right[]; take: Right[] } {
  const keyOf = ({ kind, schema, name, grantee }: Right) => [kind, schema, name, grantee].join('\0');
  const there = new Map(observed.map((right) => [keyOf(right), right]));
  const give: Right[] = [];
  const take: Right[] = [];
  const without = (right: Right, others: readonly string[] | undefined): Right[] => {
    const privileges = right.privileges.filter((privilege) => !others?.includes(privilege));
    return privileges.length === 0 ? [] : [{ ...right, privileges }];
  };
  for (const right of database.rights) {
    const key = keyOf(right);
    const known = there.get(key);
    there.delete(key);
    give.push(...without(right, known?.privileges));
    if (known !== undefined) take.push(...without(known, right.privileges));
  }
  return { give, take: [...take, ...there.values()] };
}

async function createRoles(superuser: Superuser, creation: RoleCreation) {
  const { names, verifier, perTransaction } = creation;
  const messages: string[] = [];
  for (let start = 0; start < names.length; start += perTransaction) {
    const statements = names
      .slice(start, start + perTransaction)
      .map((name) => `CREATE ROLE ${quoteIdentifier(name)} LOGIN PASSWORD ${quoteLiteral(verifier)}`);
    messages.push(statements.length === 1 ? statements.join() : transaction(statements));
  }
  const clients = await Promise.all(Array.from({ length: creation.connections }, () => connect(superuser, 'postgres')));
  const startedAt = performance.now();
  const queue = messages.values();
  await Promise.all(
    clients.map(async (client) => {
      for (const message of queue) await client.query(message);
    }),
  );
  const ms = performance.now() - startedAt;
  await Promise.all(clients.map((client) => client.end()));
  return { ms, changes: names.length };
}
