import { randomInt } from 'node:crypto';
import type pg from 'pg';
import { Failure } from '../../../../../domain/failures.ts';
import { groupProblem } from '../../../../../domain/leases/groups.ts';
import type { LeaseRequest } from '../../../../../domain/leases/lease.ts';
import { ISSUERS, issuerName } from '../../../../../domain/leases/names.ts';
import { validUntil } from '../../../../../domain/leases/terms.ts';
import { parseLeaseMarker, renderLeaseMarker } from '../../../../../domain/marker.ts';
import {
  createLeaseLogin,
  grantGroup,
  LEASE_LOOK_SQL,
  type LeaseLook,
  prolongLogin,
} from '../../../../../domain/sql/leases.ts';
import { iterationsOf } from '../../../../../platform/target/catalog/passwords.ts';
import { isConnectionError, toFailure } from '../../../../../platform/target/errors.ts';
import { endsOf } from '../../../../../store/leases.ts';
import type { ControlDeps } from '../../../deps.ts';
import { hearingWarnings } from '../../run-steps.ts';
import { passwordLiterals } from '../../verifiers.ts';
import { type Item, type ItemOutcome, outcomeOfFailure } from '../items.ts';
import { roleOids } from '../role-oids.ts';
import { inTransaction, type Outcomes, type Share } from '../share-transaction.ts';
import { asIssuer, ensureIssuer, MEMBER_OF_ITS_OWN, needsIssuer } from './issuer.ts';

type Deps = Pick<ControlDeps, 'db' | 'installationId'>;

/**
 * Makes the logins of leases, and prolongs others, in one transaction: one look, one message, one commit. Where that fails, each in a
 * transaction of its own. Nothing here costs more the more leases there are, which is why it does not go through the planner.
 */
export async function leaseTogether(deps: Deps, share: Share, items: readonly Item[]): Promise<Outcomes> {
  try {
    return await inTransaction(share, items, (free) => allAtOnce(deps, share, free));
  } catch (error) {
    if (isConnectionError(error)) throw toFailure(error, `giving leases on server ${share.serverName}`);
  }
  const outcomes: Outcomes = new Map();
  for (const item of items) {
    for (const [taskId, outcome] of await alone(deps, share, item)) outcomes.set(taskId, outcome);
  }
  return outcomes;
}

async function alone(deps: Deps, share: Share, item: Item): Promise<Outcomes> {
  try {
    return await inTransaction(share, [item], (free) => allAtOnce(deps, share, free));
  } catch (error) {
    const failure = toFailure(error, `giving a lease on server ${share.serverName}`);
    if (isConnectionError(error)) throw failure;
    return new Map([[item.work.taskId, outcomeOfFailure(failure)]]);
  }
}

/** A request that is to be carried out. */
interface Acting {
  item: Item;
  lease: LeaseRequest;
  name: string;
  groups: string[];
}

async function allAtOnce(deps: Deps, share: Share, items: readonly Item[]): Promise<Outcomes> {
  const issuer = needsIssuer(share) ? issuerName(deps.installationId, randomInt(ISSUERS)) : undefined;
  const all = items.map(actingOf);
  const look = await lookFor(share.client, all, issuer);
  const outcomes: Outcomes = new Map();
  const making: Acting[] = [];
  const prolonging: Acting[] = [];
  const made: Acting[] = [];
  for (const acting of all) {
    const verdict = judge(deps, share, acting, look);
    if (verdict instanceof Failure) outcomes.set(acting.item.work.taskId, { state: 'failed', failure: verdict });
    else ({ make: making, prolong: prolonging, made })[verdict].push(acting);
  }
  if (issuer !== undefined && making.length > 0) await ensureIssuer(deps, share, { issuer, making, look });
  const statements = [
    ...(await makingSql(deps, share, making, issuer)),
    ...(await prolongingSql(deps, share, prolonging, look)),
  ];
  if (statements.length > 0) {
    const warnings = await hearingWarnings(share.client, () => share.client.query(statements.join(';\n')));
    if (warnings.length > 0) throw new Failure('VerificationFailed', `the server warned: ${warnings.join('; ')}`);
  }
  const oids = await roleOids(
    share.client,
    [...making, ...made, ...prolonging].map(({ name }) => name),
  );
  for (const acting of [...making, ...made]) outcomes.set(acting.item.work.taskId, doneOf(share, acting, oids, true));
  for (const acting of prolonging) outcomes.set(acting.item.work.taskId, doneOf(share, acting, oids, false));
  return outcomes;
}

function actingOf(item: Item): Acting {
  const { lease } = item.work.options;
  const [role] = item.request.document.roles;
  if (lease === undefined || role === undefined) throw new Error('a request for a lease names no role');
  return { item, lease, name: role.name, groups: (role.memberOf ?? []).map((membership) => membership.role) };
}

async function lookFor(client: pg.ClientBase, all: readonly Acting[], issuer: string | undefined): Promise<LeaseLook> {
  const groups = new Set(all.filter(({ lease }) => lease.act === 'issue').flatMap((acting) => acting.groups));
  const { rows } = await client.query<{ look: LeaseLook }>(LEASE_LOOK_SQL, [
    all.map(({ name }) => name),
    [...groups],
    issuer === undefined ? [] : [issuer],
  ]);
  const look = rows[0]?.look;
  if (look === undefined) throw new Error('the query about leases has no row');
  return look;
}

/** What is to be done for a request, or why nothing is. */
function judge(deps: Deps, share: Share, acting: Acting, look: LeaseLook): 'make' | 'prolong' | 'made' | Failure {
  const { lease, name, item } = acting;
  const there = look.logins.find((login) => login.name === name);
  if (lease.act === 'renew') {
    if (there?.oid === lease.roleOid && there?.login) return 'prolong';
    return new Failure(
      'NotAllowed',
      `the login "${name}" is not on the server any more, or cannot log in; ask for a new lease`,
    );
  }
  if (there !== undefined) {
    const marker = parseLeaseMarker(there.comment);
    const own = marker?.leaseId === lease.leaseId && marker.installationId === deps.installationId;
    return own ? 'made' : new Failure('NameConflict', `role "${name}" exists and is not of this lease`);
  }
  if (Date.parse(lease.endsAt) <= Date.now()) {
    return new Failure('Contention', 'the lease had ended before its login could be made');
  }
  const problems = acting.groups.flatMap((group) => {
    const problem = groupProblem({
      name: group,
      found: look.groups.find((found) => found.name === group),
      admin: share.facts.admin.name,
      owner: item.request.foreign.get(group),
      foreignAllowed: lease.foreignGroups === true,
    });
    return problem ?? [];
  });
  return problems.length === 0 ? 'make' : new Failure('NotAllowed', problems.join('; '));
}

async function makingSql(
  deps: Deps,
  share: Share,
  making: readonly Acting[],
  issuer: string | undefined,
): Promise<string[]> {
  if (making.length === 0) return [];
  const { installationId } = deps;
  const literals = await passwordLiterals({
    passwords: new Map(making.flatMap(({ item }) => [...item.request.passwords])),
    roles: making.map(({ name }) => name),
    iterations: iterationsOf(share.facts),
    plainText: share.plainText,
  });
  const logins = making.map(({ name, lease: { leaseId, endsAt } }) =>
    createLeaseLogin({
      name,
      validUntil: validUntil(new Date(endsAt)),
      verifier: literals.get(name) ?? '',
      comment: renderLeaseMarker({ installationId, leaseId, ...(issuer !== undefined && { issuer }) }),
    }),
  );
  // Memberships last, groups in the order of their names: from 16 on the server lets one transaction at a time add members to a group.
  const groups = [...new Set(making.flatMap((acting) => acting.groups))].toSorted();
  const withOptions = share.facts.versionNum >= MEMBER_OF_ITS_OWN;
  const grants = groups.map((group) =>
    grantGroup(
      group,
      making.filter((acting) => acting.groups.includes(group)).map(({ name }) => name),
      withOptions,
    ),
  );
  return asIssuer(issuer, [...logins, ...grants]);
}

async function prolongingSql(
  deps: Deps,
  share: Share,
  prolonging: readonly Acting[],
  look: LeaseLook,
): Promise<string[]> {
  const ends = await endsOf(
    deps.db,
    prolonging.map(({ lease }) => lease.leaseId),
  );
  return prolonging.flatMap(({ name, lease }) => {
    const comment = look.logins.find((login) => login.name === name)?.comment;
    const issuer = needsIssuer(share) ? parseLeaseMarker(comment)?.issuer : undefined;
    const endsAt = ends.get(lease.leaseId) ?? new Date(lease.endsAt);
    return asIssuer(issuer, [prolongLogin(name, validUntil(endsAt))]);
  });
}

function doneOf(share: Share, { item, name }: Acting, oids: ReadonlyMap<string, number>, made: boolean): ItemOutcome {
  const oid = oids.get(name);
  if (oid === undefined) throw new Failure('Contention', `role "${name}" is gone again`);
  const passwordSet = made ? item.request.passwords.get(name) : undefined;
  return {
    state: 'done',
    roles: [{ name, oid, created: made, passwordSet }],
    steps: [made ? `make login "${name}"` : `prolong login "${name}"`],
    passwordsCompared: share.facts.readsPasswords && !share.plainText,
    plainText: share.plainText,
  };
}
