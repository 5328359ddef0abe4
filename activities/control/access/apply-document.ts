import type pg from 'pg';
import type { AccessDocument } from '../../../domain/access/document.ts';
import { documentLocks } from '../../../domain/access/locks.ts';
import type { ObservedServer } from '../../../domain/access/observed.ts';
import type { Plan, PlanStep } from '../../../domain/access/plan.ts';
import { documentScope } from '../../../domain/access/scope.ts';
import { Failure } from '../../../domain/failures.ts';
import { formatProblems } from '../../../domain/spec/problems.ts';
import { SESSION_LOCKS_SQL } from '../../../domain/sql/locks.ts';
import { changedPasswords } from '../../../platform/access/changed-passwords.ts';
import { observeCluster, observeDatabase, observeDatabases, withDatabases } from '../../../platform/access/observe.ts';
import { planOn } from '../../../platform/access/plan.ts';
import { type SessionFacts, sessionFacts } from '../../../platform/target/catalog/cluster.ts';
import { iterationsOf } from '../../../platform/target/catalog/passwords.ts';
import { failureTypeOf } from '../../../platform/target/errors.ts';
import type { ConnectionLease, LeasedConnection } from '../../../platform/target/target-server.ts';
import { passwordFingerprints } from '../../../store/credentials.ts';
import type { ControlDeps } from '../deps.ts';
import { assertPasswordsStored } from './assert-passwords.ts';
import type { ChangedRole } from './note-roles.ts';
import type { AccessRequest } from './request.ts';
import { beginSql, notAsPlanned, runSteps } from './run-steps.ts';
import { type PasswordLiterals, passwordLiterals } from './verifiers.ts';

/** Of the four connections of a server one holds the locks. */
export const MAX_CONNECTIONS = 4;
/** How often a transaction is repeated at once when another writer of the catalogs got in between. */
const CONTENTION_ATTEMPTS = 5;

/** What carrying out a document needs. */
export interface Application extends AccessRequest {
  serverName: string;
  lease: ConnectionLease;
  /** Connections that are reserved. */
  connections: number;
  /** The plan that the caller saw. */
  planHash: string | null;
  /** Send passwords in the clear; see {@link passwordLiterals}. */
  plainText: boolean;
  /** Throws when the task was closed meanwhile. */
  assertHolds(): Promise<void>;
  /** A transaction was committed. */
  applied(entry: AppliedTransaction): Promise<void>;
}

/** One committed transaction. */
export interface AppliedTransaction {
  /** Null: what belongs to the whole server. */
  database: string | null;
  steps: string[];
  changes: number;
}

/** What came of a document. */
export interface ApplicationResult {
  plan: Plan;
  /** Roles that were created or got a password, with their OIDs. */
  roles: ChangedRole[];
  /** What the server stored of passwords was compared with what was sent. */
  passwordsCompared: boolean;
}

/** How many connections a document takes: one for locks and the whole server, the others read and change databases. */
export function connectionsFor(document: AccessDocument): number {
  return Math.min(MAX_CONNECTIONS, 1 + document.databases.length);
}

/**
 * Locks, inspects, plans, compares with the plan that the caller saw, applies and verifies. Every database is read and planned
 * before the first change. Each transaction is verified before it commits: a second plan must be empty.
 * @throws Failure PlanChanged, DocumentInvalid, NotAllowed, VerificationFailed, Contention
 */
export async function applyDocument(deps: ControlDeps, input: Application): Promise<ApplicationResult> {
  const { lease, document } = input;
  const control = await lease.connect();
  const locks = documentLocks(document);
  const keys = [...locks.exclusive, ...locks.shared];
  await control.client.query(SESSION_LOCKS_SQL, [keys, keys.map((_, index) => index >= locks.exclusive.length)]);
  const facts = await sessionFacts(control.client);
  const observed = await observeAll(control.client, input, facts);
  const changed = await changedPasswords(control.client, {
    observed,
    passwords: input.passwords,
    sealer: deps.sealer,
    facts,
    fingerprints: (roles) => passwordFingerprints(deps.db, { serverName: observed.name, roles }),
  });
  const { plan, changes } = planOrThrow({ ...input, observed, changedPasswords: changed });
  if (input.planHash !== null && input.planHash !== plan.hash) {
    throw new Failure(
      'PlanChanged',
      `the plan has changed: it was ${input.planHash} and is now ${plan.hash}; look at the new plan and apply that`,
    );
  }
  const literals = await literalsFor(facts, input, plan);
  await applySteps({ ...input, control, observed, facts, literals }, plan);
  const created = changes.flatMap((change) => (change.type === 'create_role' ? [change.role] : []));
  const roles = await changedRoles(control.client, { ...input, created, literals });
  return { plan, roles, passwordsCompared: facts.readsPasswords && !input.plainText };
}

interface Surroundings extends Application {
  control: LeasedConnection;
  observed: ObservedServer;
  facts: SessionFacts;
  literals: PasswordLiterals;
}

/** One transaction where one is enough; else first what belongs to the server, then the databases side by side. */
async function applySteps(around: Surroundings, plan: Plan): Promise<void> {
  const byDatabase = new Map<string | null, PlanStep[]>();
  for (const step of plan.steps) byDatabase.set(step.database, [...(byDatabase.get(step.database) ?? []), step]);
  const databases = [...byDatabase.keys()].filter((database) => database !== null);
  const [only, ...others] = databases;
  if (others.length === 0) {
    if (plan.steps.length > 0) await commit(around, { home: only ?? null, steps: plan.steps, verify: verifyAll });
    return;
  }
  const server = byDatabase.get(null) ?? [];
  if (server.length > 0) await commit(around, { home: null, steps: server, verify: verifyServer });
  const queue = databases.values();
  const worker = async () => {
    for (const database of queue) {
      await commit(around, { home: database, steps: byDatabase.get(database) ?? [], verify: verifyDatabase });
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: around.connections - 1 }, worker));
  for (const result of workers) if (result.status === 'rejected') throw result.reason;
}

/** What is still to be done, seen from within the transaction. */
type Verify = (client: pg.ClientBase, around: Surroundings, home: string | null) => Promise<readonly PlanStep[]>;

interface Transaction {
  /** Database that it runs in; null: the maintenance database. */
  home: string | null;
  steps: readonly PlanStep[];
  verify: Verify;
}

async function commit(around: Surroundings, transaction: Transaction): Promise<void> {
  const { home } = transaction;
  const connection = home === null ? around.control : await around.lease.connect({ database: home });
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await attemptCommit(connection.client, around, transaction);
        break;
      } catch (error) {
        await connection.client.query('ROLLBACK');
        if (attempt >= CONTENTION_ATTEMPTS || !isContention(error)) throw error;
      }
    }
  } finally {
    if (connection !== around.control) await connection.release();
  }
  await around.applied({
    database: home,
    steps: transaction.steps.map(({ summary }) => summary),
    changes: transaction.steps.reduce((sum, { changes }) => sum + changes, 0),
  });
}

async function attemptCommit(client: pg.ClientBase, around: Surroundings, transaction: Transaction): Promise<void> {
  await client.query(beginSql(around.observed.admin));
  const warnings = await runSteps(client, transaction.steps, around.literals);
  const remaining = await transaction.verify(client, around, transaction.home);
  if (remaining.length > 0) throw notAsPlanned(remaining, warnings);
  await assertPasswordsStored(client, transaction.steps, around.literals, around.facts);
  // A lock connection that broke has given its locks back: somebody else may be at work.
  if (client !== around.control.client) await around.control.client.query('SELECT');
  await around.assertHolds();
  await client.query('COMMIT');
}

const verifyAll: Verify = async (client, around, home) => {
  const cluster = await observeCluster(client, { serverName: around.serverName, facts: around.facts });
  const others = [...around.observed.databases.values()].filter(({ name }) => name !== home);
  const read = home === null ? [] : [await observeDatabase(client, { cluster, scope: scopeIn(around.document, home) })];
  return stepsLeft(around, around.document, withDatabases(cluster, [...withContents(cluster, others), ...read]));
};

const verifyServer: Verify = async (client, around) => {
  const cluster = await observeCluster(client, { serverName: around.serverName, facts: around.facts });
  const observed = withDatabases(cluster, withContents(cluster, [...around.observed.databases.values()]));
  return stepsLeft(around, around.document, observed).filter(({ database }) => database === null);
};

const verifyDatabase: Verify = async (client, around, home) => {
  const cluster = await observeCluster(client, { serverName: around.serverName, facts: around.facts });
  const databases = around.document.databases.filter(({ name }) => name === home);
  const read = await observeDatabase(client, { cluster, scope: scopeIn(around.document, home ?? '') });
  return stepsLeft(around, { ...around.document, databases }, withDatabases(cluster, [read])).filter(
    ({ database }) => database === home,
  );
};

/** Contents as read before, under the rights of the databases as they are now. */
function withContents(cluster: ObservedServer, earlier: readonly { name: string; contents?: unknown }[]) {
  return earlier.flatMap(({ name, contents }) => {
    const database = cluster.databases.get(name);
    return database === undefined || contents === undefined
      ? []
      : [{ ...database, contents: contents as NonNullable<typeof database.contents> }];
  });
}

function scopeIn(document: AccessDocument, name: string) {
  const scope = documentScope(document).find((candidate) => candidate.name === name);
  if (scope === undefined) throw new Error(`the document does not mention database ${name}`);
  return scope;
}

function stepsLeft(around: Surroundings, document: AccessDocument, observed: ObservedServer): readonly PlanStep[] {
  return planOrThrow({ ...around, document, observed, changedPasswords: new Set() }).plan.steps;
}

async function observeAll(client: pg.ClientBase, input: Application, facts: SessionFacts): Promise<ObservedServer> {
  const cluster = await observeCluster(client, { serverName: input.serverName, facts });
  const scopes = documentScope(input.document);
  return observeDatabases(input.lease, { cluster, scopes, parallel: input.connections - 1 });
}

/** @throws Failure listing everything that stands in the way */
export function planOrThrow(input: Parameters<typeof planOn>[0]): Extract<ReturnType<typeof planOn>, { ok: true }> {
  const planned = planOn(input);
  if (!planned.ok) throw new Failure('DocumentInvalid', formatProblems(planned.problems));
  const { refusals } = planned.plan;
  if (refusals.length > 0) {
    const lines = refusals.map(({ path, message, remedy }) => ({
      path,
      message: remedy === undefined ? message : `${message}; a superuser gives it with: ${remedy}`,
    }));
    throw new Failure('NotAllowed', formatProblems(lines));
  }
  return planned;
}

async function literalsFor(facts: SessionFacts, input: Application, plan: Plan): Promise<PasswordLiterals> {
  const roles = plan.steps.flatMap(({ statements }) => statements.flatMap(({ verifierOf }) => verifierOf ?? []));
  if (roles.length === 0) return new Map();
  const { passwords, plainText } = input;
  return passwordLiterals({ passwords, roles, plainText, iterations: iterationsOf(facts) });
}

async function changedRoles(
  client: pg.ClientBase,
  input: Pick<AccessRequest, 'passwords'> & { created: readonly string[]; literals: PasswordLiterals },
): Promise<ApplicationResult['roles']> {
  const { literals } = input;
  const created = new Set(input.created);
  const names = new Set([...literals.keys(), ...created]);
  if (names.size === 0) return [];
  const { rows } = await client.query<{ name: string; oid: string }>(
    'SELECT rolname AS name, oid::text FROM pg_roles WHERE rolname = ANY ($1)',
    [[...names]],
  );
  return rows.map(({ name, oid }) => ({
    name,
    oid: Number(oid),
    created: created.has(name),
    passwordSet: literals.has(name) ? input.passwords.get(name) : undefined,
  }));
}

function isContention(error: unknown): boolean {
  if (error instanceof Failure) return error.type === 'Contention';
  return (
    error instanceof Error && 'code' in error && failureTypeOf(error as Error & { code?: string }) === 'Contention'
  );
}
