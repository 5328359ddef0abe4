import { cancellationSignal } from '@temporalio/activity';
import { withoutSecrets } from '../../../domain/access/document/parse.ts';
import {
  databaseRequests,
  groupsRequest,
  type OwnRequest,
  roleRequest,
} from '../../../domain/clusters/flavor-requests.ts';
import { type FlavorFacts, realiseFlavors, whyNoSuperuser } from '../../../domain/clusters/realise-flavors.ts';
import { CLUSTER_OWN_ROLES, type ClusterOwnRole } from '../../../domain/clusters/role-names.ts';
import { makeRolePassword } from '../../../platform/secrets/role-password.ts';
import { sealStored } from '../../../platform/secrets/seal-stored.ts';
import { readFlavorFacts } from '../../../platform/target/catalog/flavors.ts';
import { startBatch } from '../../../platform/temporal/start-batch.ts';
import { insertRequest, newTaskId } from '../../../store/accepted-requests.ts';
import { openBatch } from '../../../store/batches.ts';
import { type ClusterLook, noteClusterLook, takeClusterLooks } from '../../../store/cluster-looks.ts';
import { taskSecretId, taskSecretOwner } from '../../../store/secrets.ts';
import type { ControlDeps } from '../deps.ts';

/** How often databases that were made meanwhile are looked for; what a superuser has done is noticed as soon. */
const EVERY_SECONDS = 60;
/** Clusters of one pass; the next one takes the rest. */
const CLUSTERS = 20;
/** Who asks for what nobody has asked for. */
const ACTOR = 'pgsteward';

/**
 * Sees to it that clusters have the roles that each of them has from the start, and flavors what they need in every database. The
 * requests wait for the next batch of their server.
 */
export async function prepareClusters(deps: ControlDeps): Promise<void> {
  const looks = await takeClusterLooks(deps.db, { everySeconds: EVERY_SECONDS, limit: CLUSTERS });
  await Promise.all(looks.map((look) => prepare(deps, look)));
}

async function prepare(deps: ControlDeps, look: ClusterLook): Promise<void> {
  const { clusterId, serverName } = look;
  try {
    const server = await deps.targets.get(serverName);
    const facts = await readFlavorFacts(server, {
      applicationName: `pgsteward:cluster:${clusterId}`,
      doing: `asking server ${serverName} what flavors depend on`,
      signal: cancellationSignal(),
    });
    const realised = realiseFlavors(facts);
    const flavors = realised.ok ? [groupsRequest(realised.work), ...databaseRequests(realised.work)] : [];
    const roles = look.rolesAsked ? [] : ownRoles(clusterId, facts, realised.ok);
    for (const request of flavors) if (request !== undefined) await ask(deps, serverName, { request });
    for (const role of roles) await ask(deps, serverName, role);
    await startWhatWaits(deps, serverName);
    // Without flavors there is no `application` yet.
    await noteClusterLook(deps.db, {
      clusterId,
      rolesAsked: realised.ok,
      problem: realised.ok ? null : realised.message,
    });
  } catch (error) {
    deps.log.warn({ err: error, server: serverName }, 'a cluster is looked at later');
    const problem = error instanceof Error ? error.message : 'it could not be looked at';
    await noteClusterLook(deps.db, { clusterId, rolesAsked: false, problem });
  }
}

/** Whoever has just been given a cluster looks for its roles now. */
async function startWhatWaits(deps: ControlDeps, serverName: string): Promise<void> {
  const batch = await openBatch(deps.db, serverName);
  if (batch !== undefined) await startBatch(deps.workflows, batch, { taskQueue: deps.taskQueue });
}

interface Asked {
  request: OwnRequest;
  role?: { name: string; password: string };
}

function ownRoles(clusterId: string, facts: FlavorFacts, hasFlavors: boolean): Asked[] {
  const possible: Readonly<Record<ClusterOwnRole, boolean>> = {
    application: hasFlavors,
    postgres: whyNoSuperuser(facts) === undefined,
  };
  return CLUSTER_OWN_ROLES.filter((name) => possible[name]).map((name) => {
    const password = makeRolePassword();
    const wish = { clusterId, name, accountId: null, flavor: null, defaultFlavor: 'write', rotate: false } as const;
    const request = roleRequest({ ...wish, adopt: false, superuser: name === 'postgres' }, password);
    return { request, role: { name, password } };
  });
}

async function ask(deps: ControlDeps, serverName: string, { request, role }: Asked): Promise<void> {
  const taskId = newTaskId();
  await insertRequest(deps.db, {
    taskId,
    serverName,
    type: 'change_role',
    requestHash: '',
    document: withoutSecrets(request.document),
    planHash: null,
    options: request.options,
    secrets: role === undefined ? [] : [sealed(deps, taskId, role)],
    audit: { actor: ACTOR, detail: request.detail },
  });
}

function sealed({ sealer }: ControlDeps, taskId: string, { name, password }: { name: string; password: string }) {
  const identity = { id: taskSecretId(taskId, name), owner: taskSecretOwner(taskId), version: 1 };
  return sealStored(sealer, identity, JSON.stringify({ kind: 'password', password }));
}
