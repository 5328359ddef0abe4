import type pg from 'pg';
import { type Counts, countByPlace, nounOf } from '../../../domain/access/drop/dependents.ts';
import type { DropAdmin } from '../../../domain/access/drop/facts.ts';
import {
  type ActingStatement,
  planRights,
  type RightRow,
  type RightsPlan,
} from '../../../domain/access/drop/rights.ts';
import { DATABASE_OWNER_ROLE } from '../../../domain/access/roles/rules.ts';
import { Failure } from '../../../domain/failures.ts';
import {
  ACT_AS_MYSELF,
  actAs,
  DATABASE_OWNER_SQL,
  dropOwned,
  FOREIGN_SCHEMAS_SQL,
  grantCreate,
  OWNED_SCHEMAS_SQL,
  ownSchema,
  POLICY_OWNERS_SQL,
  REMAINS_SQL,
  reassignOwned,
  revokeCreate,
  rightsSql,
} from '../../../domain/sql/drop-role.ts';
import { listDependents } from '../../../platform/target/catalog/shdepend.ts';
import { borrowRoles } from './borrow-roles.ts';
import { assertSameRole } from './subject.ts';

/** A role in the database of a connection. */
export interface RoleHere {
  oid: number;
  name: string;
  admin: DropAdmin;
  major: number;
}

/** What ending a role's rights in one database takes. */
export interface ClearingPlan {
  database: string;
  databaseOwner: string;
  rights: RightsPlan;
  /** Whether the role owns something that an heir must get. */
  owns: boolean;
  ownedSchemas: string[];
  /** Where the heir must be given CREATE for a moment, so that it can own what lies there. */
  foreignSchemas: { name: string; owner: string }[];
  /** Roles, besides the dropped one and the heir, whose rights it takes. */
  actors: string[];
}

/** What was done in one database. */
export interface ClearedDatabase {
  database: string;
  /** What the heir got, by kind; with it what belongs to the whole server, where this was the first database. */
  reassigned: Counts;
  heir: string | null;
  /** Number of privileges that were taken from the role. */
  revoked: number;
  /** What the role had given on, and the owners have given again. */
  granted_again: string[];
  /** Default privileges and user mappings of its own, which went. */
  personal: Counts;
  /** Policies that named it. */
  policies: number;
  at: string;
}

/** Lists in journals and receipts stay readable. */
const MAX_LISTED = 100;
/** Kinds that REASSIGN OWNED leaves for DROP OWNED (`shdepReassignOwned` in src/backend/catalog/pg_shdepend.c). */
const NOT_REASSIGNED: ReadonlySet<string> = new Set(['pg_default_acl', 'pg_user_mapping']);

/** Reads what is to be done in the connection's database; changes nothing. The heir need not exist yet. */
export async function planClearing(client: pg.ClientBase, role: RoleHere, heir: string): Promise<ClearingPlan> {
  const rows = await all<RightRow>(client, rightsSql(role.major), [role.oid]);
  const [database] = await all<{ name: string; owner: string }>(
    client,
    `SELECT current_database()::text AS name, owner FROM (${DATABASE_OWNER_SQL}) AS of`,
    [],
  );
  if (database === undefined) throw new Error('the database has no owner');
  const remains = await remainsOf(client, role.oid);
  const ownedSchemas = await all<{ name: string }>(client, OWNED_SCHEMAS_SQL, [role.oid]);
  // A superuser needs nobody's leave.
  const [foreign, policies] = role.admin.superuser
    ? [[], []]
    : [
        await all<{ name: string; owner: string }>(client, FOREIGN_SCHEMAS_SQL, [role.oid, heir]),
        await all<{ owner: string }>(client, POLICY_OWNERS_SQL, [role.oid]),
      ];
  const actor = (name: string) => (name === DATABASE_OWNER_ROLE ? database.owner : name);
  const rights = planRights({ role: role.name, rows, databaseOwner: database.owner });
  const others = [...foreign, ...policies].map(({ owner }) => actor(owner));
  return {
    database: database.name,
    databaseOwner: database.owner,
    rights,
    owns: remains.some(isOwned),
    ownedSchemas: ownedSchemas.map(({ name }) => name),
    foreignSchemas: foreign.map(({ name, owner }) => ({ name, owner: actor(owner) })),
    actors: [...new Set([...rights.actors, ...others])].filter((name) => name !== role.name).toSorted(),
  };
}

/**
 * Hands on what the role owns in the connection's database and ends its rights there, in the transaction that is open: with the
 * first database also what belongs to the whole server. What it gave on by grant options is given again by the owners first;
 * DROP OWNED runs only when nothing owned is left (R10).
 * @param input.before called with what will have been done, before the first change
 */
export async function clearDatabase(
  client: pg.ClientBase,
  input: { role: RoleHere; heir: string; before(cleared: ClearedDatabase): Promise<void> },
): Promise<ClearedDatabase> {
  const { role, heir } = input;
  const plan = await planClearing(client, role, heir);
  const cleared = await describeClearing(client, role, plan, heir);
  await input.before(cleared);
  const roles = [role.name, ...plan.actors, ...(plan.owns ? [heir] : [])];
  const giveBack = await borrowRoles(client, { ...role, roles });
  await act(client, plan.rights.regrants);
  if (plan.owns) await reassign(client, { role, plan, heir });
  await assertNothingOwned(client, role, plan);
  await act(client, plan.rights.revokes);
  await client.query(dropOwned(role.name));
  await assertNothingLeft(client, role, plan);
  await giveBack();
  await assertSameRole(client, role);
  return cleared;
}

async function describeClearing(
  client: pg.ClientBase,
  role: RoleHere,
  plan: ClearingPlan,
  heir: string,
): Promise<ClearedDatabase> {
  const places = countByPlace(await listDependents(client, role.oid)).filter(
    ({ database }) => database === null || database === plan.database,
  );
  const sum = (of: 'owns' | 'personal') => places.reduce<Counts>((total, place) => addCounts(total, place[of]), {});
  const again = plan.rights.regranted;
  return {
    database: plan.database,
    reassigned: sum('owns'),
    heir: plan.owns ? heir : null,
    revoked: plan.rights.revoked,
    granted_again:
      again.length > MAX_LISTED ? [...again.slice(0, MAX_LISTED), `and ${again.length - MAX_LISTED} more`] : again,
    personal: sum('personal'),
    policies: places.reduce((total, { policies }) => total + policies, 0),
    at: new Date().toISOString(),
  };
}

function addCounts(a: Counts, b: Counts): Counts {
  const sum = { ...a };
  for (const [noun, count] of Object.entries(b)) sum[noun] = (sum[noun] ?? 0) + count;
  return sum;
}

async function reassign(
  client: pg.ClientBase,
  { role, plan, heir }: { role: RoleHere; plan: ClearingPlan; heir: string },
): Promise<void> {
  if (role.admin.superuser) {
    await client.query(reassignOwned(role.name, heir));
    return;
  }
  const loans = [
    ...plan.foreignSchemas.map(({ name, owner }) => createLoan(owner, 'SCHEMA', name, heir)),
    ...(await databaseLoan(client, role, plan)),
  ];
  const giveBack = await borrowRoles(client, { ...role, roles: loans.map(({ actor }) => actor) });
  await act(
    client,
    loans.map(({ actor, grant }) => ({ actor, sql: grant })),
  );
  // Before what lies in them: who is to own a routine must be able to create in its schema.
  for (const schema of plan.ownedSchemas) await client.query(ownSchema(schema, heir));
  await client.query(reassignOwned(role.name, heir));
  await act(
    client,
    loans.map(({ actor, revoke }) => ({ actor, sql: revoke })),
  );
  await giveBack();
}

/**
 * CREATE for the length of a transaction. An admin role that is no superuser needs it for REASSIGN OWNED beyond the rights of both
 * roles: on other owners' schemas for the heir (`AlterObjectOwner_internal`), on the database for itself where schemas change
 * hands (`AlterSchemaOwner_internal`).
 */
function createLoan(actor: string, on: 'SCHEMA' | 'DATABASE', name: string, to: string) {
  return { actor, grant: grantCreate(on, name, to), revoke: revokeCreate(on, name, to) };
}

async function databaseLoan(client: pg.ClientBase, role: RoleHere, plan: ClearingPlan) {
  if (plan.ownedSchemas.length === 0) return [];
  const [may] = await all<{ create: boolean }>(
    client,
    `SELECT has_database_privilege(current_database(), 'CREATE') AS create`,
    [],
  );
  return may?.create ? [] : [createLoan(plan.databaseOwner, 'DATABASE', plan.database, role.admin.name)];
}

/** Runs statements as the roles that have to. */
async function act(client: pg.ClientBase, statements: readonly ActingStatement[]): Promise<void> {
  for (const { actor, sql } of statements) await client.query(`${actAs(actor)}; ${sql}; ${ACT_AS_MYSELF}`);
}

interface Remains {
  letter: string;
  catalog: string;
  count: number;
  examples: string[];
}

function remainsOf(client: pg.ClientBase, oid: number): Promise<Remains[]> {
  return all<Remains>(client, REMAINS_SQL, [oid]);
}

function isOwned({ letter, catalog }: Remains): boolean {
  return letter === 'o' && !NOT_REASSIGNED.has(catalog);
}

async function assertNothingOwned(client: pg.ClientBase, role: RoleHere, plan: ClearingPlan): Promise<void> {
  const owned = (await remainsOf(client, role.oid)).filter(isOwned);
  if (owned.length === 0) return;
  throw new Failure(
    'VerificationFailed',
    `role "${role.name}" still owns ${remainsText(owned)} in database "${plan.database}"; nothing was dropped there`,
  );
}

/** A revoke can succeed and do nothing, so the effect is read back. */
async function assertNothingLeft(client: pg.ClientBase, role: RoleHere, plan: ClearingPlan): Promise<void> {
  const left = await remainsOf(client, role.oid);
  if (left.length === 0) return;
  const grantors = [...new Set(plan.rights.revokes.map(({ actor }) => `"${actor}"`))].join(', ');
  throw new Failure(
    'VerificationFailed',
    `role "${role.name}" still has rights on ${remainsText(left)} in database "${plan.database}" (granted by ${grantors}); nothing was changed there`,
  );
}

function remainsText(remains: readonly Remains[]): string {
  return remains
    .map(({ catalog, count, examples }) => `${count} ${nounOf(catalog)} (${examples.join(', ')})`)
    .join(', ');
}

async function all<R extends object>(client: pg.ClientBase, text: string, values: unknown[]): Promise<R[]> {
  const { rows } = await client.query<R & pg.QueryResultRow>(text, values);
  return rows;
}
