import type pg from 'pg';
import type { AccessDocument } from '../../../domain/access/document.ts';
import { documentLocks } from '../../../domain/access/locks.ts';
import type { ObservedServer } from '../../../domain/access/observed.ts';
import type { Plan } from '../../../domain/access/plan.ts';
import { documentScope, mentionsSettings, narrowedScope } from '../../../domain/access/scope.ts';
import { Failure } from '../../../domain/failures.ts';
import { SESSION_LOCKS_SQL } from '../../../domain/sql/locks.ts';
import { changedPasswords } from '../../../platform/access/changed-passwords.ts';
import { observeCluster, observeDatabases } from '../../../platform/access/observe.ts';
import { beginPlanOn } from '../../../platform/access/plan.ts';
import { planWhileReading } from '../../../platform/access/plan-while-reading.ts';
import { type SessionFacts, sessionFacts } from '../../../platform/target/catalog/cluster.ts';
import { heldCatalogs } from '../../../platform/target/catalog/held-catalogs.ts';
import { iterationsOf } from '../../../platform/target/catalog/passwords.ts';
import type { ConnectionLease, LeasedConnection } from '../../../platform/target/target-server.ts';
import { passwordFingerprints } from '../../../store/credentials.ts';
import type { ControlDeps } from '../deps.ts';
import { applySteps } from './apply-steps.ts';
import type { ChangedRole } from './note-roles.ts';
import { type SoundPlan, soundPlan } from './plan-or-throw.ts';
import type { AccessRequest } from './request.ts';
import { type PasswordLiterals, passwordLiterals } from './verifiers.ts';

/** Of the four connections of a server one holds the locks. */
const MAX_CONNECTIONS = 4;

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
  /** Before that nothing is done that others could notice. @throws Failure StaleTask */
  entered: Promise<void>;
  /** Throws when the task was closed meanwhile. */
  assertHolds(): Promise<void>;
  /** A transaction was committed, and others may follow. Nothing waits for what comes of it. */
  applied(entry: AppliedTransaction, more: boolean): void;
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
  const kept = new Map<string, LeasedConnection>();
  const { control, facts, observed, planned } = await lockAndPlan(deps, input, kept);
  const { plan, changes } = planned;
  if (input.planHash !== null && input.planHash !== plan.hash) {
    throw new Failure(
      'PlanChanged',
      `the plan has changed, because the world has moved: it was ${input.planHash} and is now ${plan.hash}; look at the new plan and apply that`,
    );
  }
  const literals = await literalsFor(facts, input, plan);
  const verified = await applySteps({ ...input, control, kept, observed, facts, literals }, plan, changes);
  const created = changes.flatMap((change) => (change.type === 'create_role' ? [change.role] : []));
  const roles = changedRoles(verified, { ...input, created, literals });
  // While the result is noted. The lease waits for it.
  for (const connection of [control, ...kept.values()]) connection.release().catch(() => undefined);
  return { plan, roles, passwordsCompared: facts.readsPasswords && !input.plainText };
}

/** What is known before the first change. */
interface Planned {
  /** Holds the locks. */
  control: LeasedConnection;
  facts: SessionFacts;
  observed: ObservedServer;
  planned: SoundPlan;
}

/**
 * Locks what the document may change, then reads the server and the databases of the document, and plans each database while the
 * next ones are read. Nothing is read before the locks are there; connections open meanwhile, and the last ones stay open.
 */
async function lockAndPlan(
  deps: ControlDeps,
  input: Application,
  kept: Map<string, LeasedConnection>,
): Promise<Planned> {
  const { lease, serverName, document, connections, entered } = input;
  const begun = lease.connect().then(async (control) => {
    await entered;
    const { client } = control;
    // Sent together: the server answers the others when it has given the locks.
    const [, facts, catalogs] = await Promise.all([
      lock(client, document),
      sessionFacts(client),
      held(client, document),
    ]);
    return { control, facts, catalogs };
  });
  const narrowed = begun.then(({ catalogs }) => document.databases.map((each) => narrowedScope(each, catalogs)));
  const parameters = mentionsSettings(document);
  const cluster = begun.then(({ control, facts }) => observeCluster(control.client, { serverName, facts, parameters }));
  const beginning = Promise.all([begun, cluster]).then(async ([{ control, facts }, observed]) => {
    const changed = await passwordsToSet(deps, input, { client: control.client, facts, observed });
    return beginPlanOn({ ...input, observed, changedPasswords: changed });
  });
  const { onRead, finish } = planWhileReading(beginning);
  const reading = { cluster, scopes: documentScope(document), narrowed, parallel: connections - 1, kept, onRead };
  const observed = await observeDatabases(lease, reading);
  const planned = soundPlan(await finish(observed));
  const { control, facts } = await begun;
  return { control, facts, observed, planned };
}

function passwordsToSet(
  deps: ControlDeps,
  { passwords, repairs }: Application,
  { client, facts, observed }: { client: pg.ClientBase; facts: SessionFacts; observed: ObservedServer },
): Promise<ReadonlySet<string>> {
  if (repairs) return Promise.resolve(new Set(passwords.keys()));
  const fingerprints = (roles: Parameters<typeof passwordFingerprints>[1]['roles']) =>
    passwordFingerprints(deps.db, { serverName: observed.name, roles });
  return changedPasswords(client, { observed, passwords, sealer: deps.sealer, facts, fingerprints });
}

async function lock(client: pg.ClientBase, document: AccessDocument): Promise<void> {
  const { exclusive, shared } = documentLocks(document);
  const keys = [...exclusive, ...shared];
  await client.query(SESSION_LOCKS_SQL, [keys, keys.map((_, index) => index >= exclusive.length)]);
}

/** Where grantees with exact privileges have any; the rest need not be read. */
function held(client: pg.ClientBase, document: AccessDocument): ReturnType<typeof heldCatalogs> {
  return heldCatalogs(client, [...new Set(document.databases.flatMap(({ exactGrantees }) => exactGrantees))]);
}

async function literalsFor(facts: SessionFacts, input: Application, plan: Plan): Promise<PasswordLiterals> {
  const roles = plan.steps.flatMap(({ statements }) => statements.flatMap(({ verifierOf }) => verifierOf ?? []));
  if (roles.length === 0) return new Map();
  const { passwords, plainText } = input;
  return passwordLiterals({ passwords, roles, plainText, iterations: iterationsOf(facts) });
}

function changedRoles(
  verified: ObservedServer,
  input: Pick<AccessRequest, 'passwords'> & { created: readonly string[]; literals: PasswordLiterals },
): ChangedRole[] {
  const { literals, passwords } = input;
  const created = new Set(input.created);
  return [...new Set([...literals.keys(), ...created])].flatMap((name) => {
    const role = verified.roles.get(name);
    if (role === undefined) return [];
    const passwordSet = literals.has(name) ? passwords.get(name) : undefined;
    return [{ name, oid: role.oid, created: created.has(name), passwordSet }];
  });
}
