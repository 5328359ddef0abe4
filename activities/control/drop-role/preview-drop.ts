import type pg from 'pg';
import { countByPlace } from '../../../domain/access/drop/dependents.ts';
import { type DropFacts, majorOf } from '../../../domain/access/drop/facts.ts';
import { defaultHeirName } from '../../../domain/access/drop/heir.ts';
import { type DropRequest, parseDropDocument } from '../../../domain/access/drop/request.ts';
import { consentReasons, dropObstacles, obstacleLines, standingObstacles } from '../../../domain/access/drop/rules.ts';
import { Failure } from '../../../domain/failures.ts';
import { DROP_FACTS_SQL, reachableRolesSql } from '../../../domain/sql/drop-role.ts';
import { quoteIdentifier } from '../../../domain/sql/quote.ts';
import { listDependents } from '../../../platform/target/catalog/shdepend.ts';
import type { ConnectionLease } from '../../../platform/target/target-server.ts';
import { ENGINE_OWNER, isMadeByRequest } from '../../../store/credentials.ts';
import { findRoleRecord } from '../../../store/dropped-roles.ts';
import type { ControlDeps } from '../deps.ts';
import { performServerStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { type ClearingPlan, planClearing } from './clear-database.ts';

/** One connection reads what is of the whole server, the other one database after the other. */
const CONNECTIONS = 2;

/**
 * Looks whether the role may and can be dropped, in every database where something of it is, and notes which role it is. Changes
 * nothing. A role that does not exist is noted as that.
 * @throws Failure NotAllowed listing everything that stands in the way
 */
export function previewDrop(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performServerStep(deps, { ...input, step: 'previewDrop' }, async (context) => {
    const { serverName } = context.work;
    const request = parseDropDocument(context.work.document);
    const server = await deps.targets.get(serverName);
    const session = context.session(`looking at role "${request.role}" on server ${serverName}`);
    const role = await server.reserve(session, CONNECTIONS, (lease) => look(deps, { lease, serverName, request }));
    await context.note(
      role === null ? { oid: null } : { oid: role.oid, login: role.login, connectionLimit: role.connectionLimit },
    );
  });
}

async function look(
  deps: ControlDeps,
  of: { lease: ConnectionLease; serverName: string; request: DropRequest },
): Promise<DropFacts['role']> {
  const { request, serverName } = of;
  const { client } = await of.lease.connect();
  const facts = await readFacts(client, { role: request.role, heir: request.heir });
  const { role } = facts;
  if (role === null) return null;
  const [dependents, record] = [
    await listDependents(client, role.oid),
    await findRoleRecord(deps.db, { serverName, roleName: role.name }),
  ];
  const obstacles = dropObstacles({
    facts,
    dependents,
    recordedOwner: record?.owner,
    engineOwner: ENGINE_OWNER,
    installationId: deps.installationId,
    heir: request.heir,
  });
  const standing = standingObstacles(obstacles, request);
  if (standing.length > 0) throw new Failure('NotAllowed', obstacleLines(standing));
  const places = countByPlace(dependents);
  const madeHere = isMadeByRequest(record?.owner) && record?.roleOid === role.oid;
  const reasons = request.reassignOwned ? [] : consentReasons({ places, facts, madeHere });
  if (reasons.length > 0) {
    throw new Failure(
      'NotAllowed',
      `role "${role.name}" is dropped only with consent ("reassign_owned": true): ${reasons.join('; ')}`,
    );
  }
  const databases = places.flatMap(({ database }) => database ?? []);
  const target = { facts, role, heir: request.heir ?? defaultHeirName(role.oid) };
  for (const database of databases) await lookInto(of.lease, { database, ...target });
  if (places.some(({ database }) => database === null)) await assertReach(client, target);
  return role;
}

/** What a server says of a role, by name or by OID. */
export async function readFacts(
  client: pg.ClientBase,
  of: { role: string; oid?: number; heir: string | undefined },
): Promise<DropFacts> {
  const { rows } = await client.query<{ facts: DropFacts }>(DROP_FACTS_SQL, [of.role, of.oid ?? null, of.heir ?? null]);
  const [row] = rows;
  if (row === undefined) throw new Error('the query about a role has no row');
  return row.facts;
}

interface Target {
  facts: DropFacts;
  role: NonNullable<DropFacts['role']>;
  /** Name of the role that is to inherit. */
  heir: string;
}

async function lookInto(lease: ConnectionLease, of: Target & { database: string }): Promise<void> {
  const connection = await lease.connect({ database: of.database });
  try {
    await assertReach(connection.client, of);
  } finally {
    await connection.release();
  }
}

/**
 * Reads what is to be done in the connection's database.
 * @throws Failure NotAllowed naming the roles whose rights it takes and that the admin role cannot act for
 */
async function assertReach(client: pg.ClientBase, { facts, role, heir }: Target): Promise<void> {
  const major = majorOf(facts.versionNum);
  const { admin } = facts;
  const plan = await planClearing(client, { oid: role.oid, name: role.name, admin, major }, heir);
  if (admin.superuser) return;
  const existingHeir = plan.owns && facts.heir !== null ? [facts.heir.name] : [];
  const needed = [...plan.actors, ...existingHeir].filter((name) => name !== admin.name);
  const { rows } = await client.query<{ name: string }>(reachableRolesSql(major), [needed]);
  const reachable = new Set(rows.map(({ name }) => name));
  const missing = needed.filter((name) => !reachable.has(name));
  if (missing.length > 0) throw new Failure('NotAllowed', outOfReach(missing, { facts, role, plan }));
}

function outOfReach(
  missing: readonly string[],
  { facts, role, plan }: Pick<Target, 'facts' | 'role'> & { plan: ClearingPlan },
): string {
  const statements = [...plan.rights.regrants, ...plan.rights.revokes].filter(({ actor }) => missing.includes(actor));
  const grants = missing.map(
    (name) => `GRANT ${quoteIdentifier(name)} TO ${quoteIdentifier(facts.admin.name)} WITH ADMIN OPTION`,
  );
  const examples = statements.slice(0, 3).map(({ sql }) => sql);
  return (
    `in database "${plan.database}" the rights of role "${role.name}" come from ${missing.map((name) => `"${name}"`).join(', ')}, ` +
    `which role "${facts.admin.name}" cannot act for; run there as a superuser: ` +
    (examples.length > 0
      ? `${examples.join('; ')}${statements.length > 3 ? `; and ${statements.length - 3} more` : ''}`
      : grants.join('; '))
  );
}
