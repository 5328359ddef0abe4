import { OpenAPIHono } from '@hono/zod-openapi';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { enforceRules } from './access/enforce.ts';
import { accountRoutes } from './accounts/routes.ts';
import { approvalPolicyRoutes } from './approvals/policy-routes.ts';
import { approvalRoutes } from './approvals/routes.ts';
import { auditRefusals } from './audit/refusals.ts';
import { auditRoutes } from './audit/routes.ts';
import type { ApiVariables } from './caller.ts';
import { nameRequest } from './caller-middleware.ts';
import { clusterRoutes as installationRoutes } from './cluster/routes.ts';
import { accessTokenRoutes } from './clusters/access-token-routes.ts';
import { clusterRoutes } from './clusters/cluster-routes.ts';
import { limitRequests } from './clusters/limit-requests.ts';
import { clusterManagementRoutes } from './clusters/manage/cluster-routes.ts';
import { teamManagementRoutes } from './clusters/manage/team-routes.ts';
import { createFlavorKeeper } from './clusters/roles/flavors.ts';
import { clusterRoleRoutes } from './clusters/roles/routes.ts';
import { teamRoutes } from './clusters/team-routes.ts';
import { confineToListener } from './confined-listeners.ts';
import { databaseRoutes } from './databases/routes.ts';
import type { ApiDeps } from './deps.ts';
import { driftRoutes } from './drift/routes.ts';
import { answerMethodNotAllowed, answerNotFound, createErrorHandler } from './error-handler.ts';
import { createHostChecker } from './hosts/check.ts';
import { joinTokenRoutes } from './hosts/join-token-routes.ts';
import { createHostLister } from './hosts/list.ts';
import { hostRoutes } from './hosts/routes.ts';
import { hostTaskRoutes } from './hosts/task-routes.ts';
import { tellReplays } from './idempotency.ts';
import { leaseRoutes } from './leases/routes.ts';
import { leaseTemplateRoutes } from './leases/template-routes.ts';
import { createWaitingRoom } from './leases/waiting-room.ts';
import { logRequests } from './log-requests.ts';
import { noStore } from './no-store.ts';
import { nodeRoutes } from './nodes/routes.ts';
import { notificationRoutes } from './notifications/routes.ts';
import { observeRequests } from './observe-requests.ts';
import { descriptionRoutes } from './openapi/routes.ts';
import { policyRoutes } from './policies/routes.ts';
import { registryImportRoutes } from './registry/import/routes.ts';
import { registryRoutes } from './registry/routes.ts';
import { answerInvalidShape, limitBody } from './request-validation.ts';
import { retentionRoutes } from './retention/routes.ts';
import { accessRoutes } from './roles/access-routes.ts';
import { createDispatcher } from './roles/dispatcher.ts';
import { dropRoutes } from './roles/drop.ts';
import { grantRoutes } from './roles/grant-routes.ts';
import { planRoutes } from './roles/plan-routes.ts';
import { roleRoutes } from './roles/role-routes.ts';
import { serverTaskRoutes } from './roles/task-routes.ts';
import { rotationRoutes } from './rotations/routes.ts';
import { serverRoutes } from './servers/routes.ts';
import { serviceRoutes } from './service/routes.ts';
import { databaseServiceRoutes } from './services/routes.ts';
import { refuseSpeculativeChanges } from './speculative-requests.ts';
import { taskRoutes } from './tasks/routes.ts';
import { tokenRoutes } from './tokens/routes.ts';
import { userGrantRoutes } from './users/grant-routes.ts';
import { createGroupKeeper } from './users/groups.ts';
import { handoverRoutes } from './users/handover-routes.ts';
import { userRoutes } from './users/routes.ts';

/** The whole HTTP API; no socket needed to call it (`app.request()`). */
export function createApp(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });
  app.use(
    nameRequest(),
    logRequests(deps.log),
    observeRequests(deps),
    noStore(),
    confineToListener(),
    auditRefusals(deps),
  );
  app.use(methodNotAllowed({ app, onMethodNotAllowed: answerMethodNotAllowed }));
  app.use(enforceRules(deps), limitRequests(deps.clusters), refuseSpeculativeChanges(), limitBody(), tellReplays());
  app.onError(createErrorHandler(deps.log));
  app.notFound(answerNotFound);
  app.route('/', serviceRoutes(deps));
  app.route('/', databaseRoutes(deps));
  app.route('/', nodeRoutes(deps));
  app.route('/', databaseServiceRoutes(deps));
  app.route('/', taskRoutes(deps));
  app.route('/', tokenRoutes(deps));
  app.route('/', accountRoutes(deps));
  const askHosts = createHostChecker(deps);
  const listHosts = createHostLister(deps, askHosts);
  // Before hosts by their id.
  app.route('/', joinTokenRoutes(deps));
  app.route('/', hostRoutes(deps, { ask: askHosts, list: listHosts }));
  app.route('/', hostTaskRoutes(deps));
  app.route('/', installationRoutes(deps, listHosts));
  app.route('/', serverRoutes(deps));
  const serverDeps = { ...deps, dispatcher: createDispatcher(deps) };
  for (const routes of [
    planRoutes,
    roleRoutes,
    dropRoutes,
    grantRoutes,
    accessRoutes,
    driftRoutes,
    serverTaskRoutes,
    rotationRoutes,
  ]) {
    app.route('/', routes(serverDeps));
  }
  app.route('/', retentionRoutes(deps));
  const leaseDeps = { ...serverDeps, waitingRoom: createWaitingRoom(deps.leases.waiting) };
  for (const routes of [leaseRoutes, leaseTemplateRoutes]) app.route('/', routes(leaseDeps));
  app.route('/', notificationRoutes(deps));
  app.route('/', registryRoutes(deps));
  app.route('/', registryImportRoutes(deps));
  app.route('/', policyRoutes(deps));
  app.route('/', approvalPolicyRoutes(deps));
  app.route('/', approvalRoutes(deps));
  const userDeps = { ...serverDeps, groups: createGroupKeeper(serverDeps) };
  for (const routes of [userRoutes, userGrantRoutes, handoverRoutes]) app.route('/', routes(userDeps));
  for (const routes of [teamRoutes, clusterRoutes, accessTokenRoutes, teamManagementRoutes]) {
    app.route('/', routes(deps));
  }
  app.route('/', auditRoutes(deps));
  const roleDeps = { ...serverDeps, flavors: createFlavorKeeper(serverDeps) };
  for (const routes of [clusterManagementRoutes, clusterRoleRoutes]) app.route('/', routes(roleDeps));
  app.route('/', descriptionRoutes(app, deps.version.version));
  return app;
}
