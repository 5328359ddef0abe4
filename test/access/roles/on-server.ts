import { createHash } from 'node:crypto';
import type pg from 'pg';
import { expect } from 'vitest';
import type { AccessDocument } from '../../../domain/access/document.ts';
import { groupBy } from '../../../domain/access/groups.ts';
import type { ObservedServer } from '../../../domain/access/observed.ts';
import type { Plan, PlanStep } from '../../../domain/access/plan.ts';
import { planAccess } from '../../../domain/access/planner/plan-access.ts';
import { splitGucList } from '../../../domain/access/roles/guc-list.ts';
import { quoteLiteral } from '../../../domain/sql/quote.ts';
import { scramVerifier } from '../../../platform/scram/verifier.ts';
import { inspectCluster } from '../../../platform/target/catalog/cluster.ts';
import { inspectDatabase } from '../../../platform/target/catalog/database.ts';
import type { VersionedServer } from '../../support/versions.ts';
import { type DocumentSpec, documentOf, rowTexts } from '../../unit/access/roles/builders.ts';

/** One of the two admin roles of a server, as the control plane would be logged in. */
export interface Session {
  server: VersionedServer;
  as: 'superuser' | 'limited';
  /** In the maintenance database. */
  client: pg.Client;
  /** Warnings and notices of the server. */
  notices: string[];
}

/** A value of the parameter `role` is checked against who sets it, not against whom it is for. */
const ABOUT_THE_ADMIN = /^permission will be denied to set role/;

export async function openSession(server: VersionedServer, as: 'superuser' | 'limited'): Promise<Session> {
  const client = await server.connect({ as });
  const notices: string[] = [];
  collectNotices(client, notices);
  return { server, as, client, notices };
}

function collectNotices(client: pg.Client, notices: string[]): void {
  client.on('notice', ({ message = '' }) => {
    if (!ABOUT_THE_ADMIN.test(message)) notices.push(message);
  });
}

/** Runs work on a connection to a database, which is the session's own where that is the maintenance database. */
async function inDatabase<T>(session: Session, database: string | null, work: (client: pg.Client) => Promise<T>) {
  if (database === null) return work(session.client);
  const client = await session.server.connect({ as: session.as, database });
  collectNotices(client, session.notices);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The server, with the contents of the databases that the document names. */
async function observe(session: Session, { databases }: AccessDocument): Promise<ObservedServer> {
  const cluster = await inspectCluster(session.client, { serverName: 'main' });
  const all = new Map(cluster.databases);
  for (const { name } of databases) {
    const database = cluster.databases.get(name);
    if (database === undefined) continue;
    const contents = await inDatabase(session, name, (client) => inspectDatabase(client, { cluster }));
    all.set(name, { ...database, contents });
  }
  return { ...cluster, databases: all };
}

export type Planned = Extract<ReturnType<typeof planAccess>, { ok: true }>;

/** Plans on the server as it is now; the document must be possible. */
export async function planNow(session: Session, spec: DocumentSpec): Promise<Planned> {
  const document = documentOf(spec);
  const result = planAccess({
    document,
    observed: await observe(session, document),
    changedPasswords: new Set(),
    foreign: new Map(),
    sha256: (text) => createHash('sha256').update(text).digest('hex'),
  });
  if (!result.ok) throw new Error(`problems: ${JSON.stringify(result.problems)}`);
  return result;
}

/** Runs the steps, those of each database in one transaction. */
export async function runPlan(session: Session, steps: readonly PlanStep[]): Promise<void> {
  for (const [database, some] of groupBy(steps, (step) => step.database)) {
    await inDatabase(session, database, (client) => runTransaction(client, some));
  }
}

async function runTransaction(client: pg.Client, steps: readonly PlanStep[]): Promise<void> {
  await client.query('BEGIN');
  try {
    for (const { statements } of steps) {
      for (const { sql, verifierOf, after = '' } of statements) {
        const verifier = verifierOf === undefined ? '' : quoteLiteral(await verifierFor(verifierOf));
        await client.query(`${sql}${verifier}${after}`);
      }
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

function verifierFor(role: string): Promise<string> {
  return scramVerifier({ password: `password of ${role}`, iterations: 4096 });
}

/**
 * Plans, applies, and requires that the server is then as the simulation says, that it had nothing to remark, and that a
 * second plan is empty.
 */
export async function applyNow(session: Session, spec: DocumentSpec): Promise<Plan> {
  const { plan, after } = await planNow(session, spec);
  expect(plan.refusals).toEqual([]);
  session.notices.length = 0;
  await runPlan(session, plan.steps);
  expect(session.notices).toEqual([]);
  const observed = await observe(session, documentOf(spec));
  expect(comparable(observed)).toEqual(comparable(after));
  expect((await planNow(session, spec)).plan.steps).toEqual([]);
  return plan;
}

/** What a simulation can know: no OIDs, and lists without the quotes that PostgreSQL puts around key words. */
function comparable({ roles, memberships, settings, databases }: ObservedServer) {
  return {
    roles: new Map([...roles].map(([name, role]) => [name, { ...role, oid: 0 }])),
    memberships: rowTexts(memberships),
    settings: settings
      .map(({ role, database, name, value }) => [role, database, name.toLowerCase(), listOrText(name, value)])
      .toSorted(),
    databases: [...databases.values()].map(({ name, owner }) => [name, owner]).toSorted(),
  };
}

function listOrText(name: string, value: string): unknown {
  return name === 'search_path' ? splitGucList(value) : value;
}
