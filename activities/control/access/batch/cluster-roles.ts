import type { ObservedServer } from '../../../../domain/access/observed.ts';
import type { PlanStep } from '../../../../domain/access/plan.ts';
import type { RoleFlavor } from '../../../../domain/clusters/flavors.ts';
import { type ClusterRolePlan, planClusterRole } from '../../../../domain/clusters/role-request.ts';
import { Failure } from '../../../../domain/failures.ts';
import { parseTaskMarker } from '../../../../domain/marker.ts';
import { flavorDatabaseSql, flavorGroupsSql } from '../../../../domain/sql/flavors.ts';
import { sealStored } from '../../../../platform/secrets/seal-stored.ts';
import { doubtClusterRoles, markClusterRoles, settleClusterRole } from '../../../../store/cluster-roles.ts';
import type { Queryable } from '../../../../store/connection.ts';
import type { ControlDeps } from '../../deps.ts';
import type { Ended } from './close-round.ts';
import type { Item } from './items.ts';
import { madeBefore } from './together.ts';

/** A role of a cluster as it is about to be left. */
export type PlannedClusterRole = Extract<ClusterRolePlan, { state: 'planned' }> & ChangedClusterRole;

/** What is put on record of it when the request ends. */
export interface ChangedClusterRole {
  flavor: RoleFlavor;
  setsPassword: boolean;
  /** Place of this request among those that set the role's password. */
  mark?: number;
}

/** @throws Failure RoleConflict */
export function planClusterRoleOf(
  deps: Pick<ControlDeps, 'installationId'>,
  item: Item,
  observed: ObservedServer,
): PlannedClusterRole | { state: 'unsettled' } | undefined {
  const wish = item.work.options.clusterRole;
  if (wish === undefined) return undefined;
  const marker = parseTaskMarker(observed.roles.get(wish.name)?.comment);
  const plan = planClusterRole({
    wish,
    document: item.request.document,
    observed,
    record: item.clusterRole,
    owner: item.request.foreign.get(wish.name),
    ownWork: madeBefore(item, observed).size > 0,
    madeHere: marker?.installationId === deps.installationId,
  });
  if (plan.state === 'conflict') throw new Failure('RoleConflict', plan.message);
  return plan;
}

/** Statements beside the document, last. */
export function flavorSteps({ work: { options }, home }: Item): PlanStep[] {
  const { flavors } = options;
  if (flavors === undefined) return [];
  const [sql, summary] =
    'groups' in flavors
      ? [flavorGroupsSql(flavors.groups), 'make the groups of flavors']
      : [flavorDatabaseSql(flavors.database), 'see to the rights of flavors in the database'];
  return [{ database: home, action: 'give flavors', summary, statements: [{ sql }], changes: 1 }];
}

/**
 * Before anything is committed on the server: from here on nobody is shown a password that may be about to change.
 * @returns requests that must not be carried out, because the server is no cluster any more
 */
export async function noteWhatIsAboutToChange(
  deps: Pick<ControlDeps, 'db'>,
  serverName: string,
  planned: readonly { item: Item; clusterRole: PlannedClusterRole | undefined }[],
): Promise<ReadonlySet<string>> {
  const setting = planned.flatMap(({ item, clusterRole }) => {
    const wish = item.work.options.clusterRole;
    return wish !== undefined && clusterRole?.setsPassword ? [{ item, clusterRole, wish }] : [];
  });
  const marks = await markClusterRoles(
    deps.db,
    setting.map(({ item, wish, clusterRole: { flavor } }) => {
      const { clusterId, name, accountId } = wish;
      return { taskId: item.work.taskId, clusterId, serverName, name, accountId, flavor };
    }),
  );
  const stale = new Set<string>();
  for (const { item, clusterRole } of setting) {
    const mark = marks.get(item.work.taskId);
    if (mark === undefined) stale.add(item.work.taskId);
    else clusterRole.mark = mark;
  }
  return stale;
}

/** What became of roles of clusters, in the transaction that closes their requests. */
export async function settleClusterRoles(
  deps: Pick<ControlDeps, 'sealer'>,
  tx: Queryable,
  serverName: string,
  ended: readonly Ended[],
): Promise<void> {
  const failed: string[] = [];
  for (const { work, outcome } of ended) {
    const wish = work.options.clusterRole;
    if (wish === undefined) continue;
    if (outcome.state !== 'done') failed.push(work.taskId);
    if (outcome.state !== 'done' || outcome.clusterRole === undefined) continue;
    const role = outcome.roles.find(({ name }) => name === wish.name);
    // That of a request which this one shares is put on record with it.
    if (role === undefined) continue;
    const { mark, flavor } = outcome.clusterRole;
    const { passwordSet } = role;
    const sealed =
      mark !== undefined && passwordSet?.kind === 'password'
        ? {
            mark,
            seal: (identity: { id: string; owner: string; version: number }) =>
              sealStored(deps.sealer, identity, passwordSet.password),
          }
        : undefined;
    const { clusterId, name } = wish;
    const settled = { taskId: work.taskId, serverName, clusterId, name, flavor, oid: role.oid };
    await settleClusterRole(tx, { ...settled, ...(sealed && { password: sealed }) });
  }
  await doubtClusterRoles(tx, failed);
}
