/** Who may call which route. A route without a line here is refused to everybody; docs/authorization.md shows the same table. */
import { GLOBAL_ROLES, type GlobalRole } from '../../domain/authority/roles.ts';
import type { ScopeKind } from '../../domain/authority/scope.ts';
import type { Absence } from './absence.ts';

/** What a route is about, held against the caller's scope. */
export type Subject =
  /** Nothing that a scope could name. */
  | 'nothing'
  /** The whole installation: only callers without a scope. */
  | 'installation'
  /** Several, or one that stands in query or body: the handler asks `mayUse` and leaves out what the caller may not see. */
  | { readonly handler: readonly ScopeKind[] }
  /** One, named by a parameter of the path. Outside the scope it answers as if it did not exist (R6), in the route's own way. */
  | { readonly kind: ScopeKind; readonly parameter: string; readonly absence?: Absence };

export interface RouteRule {
  /** `anyone` needs no credentials. */
  readonly roles: 'anyone' | readonly GlobalRole[];
  readonly subject: Subject;
  /** Open, as administrator, on the loopback listener of the development stack: the published examples send no credentials. */
  readonly openOnLoopback?: true;
}

const EVERYBODY: readonly GlobalRole[] = GLOBAL_ROLES;
const ADMINS: readonly GlobalRole[] = ['admin'];
const OPERATORS: readonly GlobalRole[] = ['admin', 'operator'];
const READERS: readonly GlobalRole[] = ['admin', 'operator', 'auditor'];
const OVERSEERS: readonly GlobalRole[] = ['admin', 'auditor'];
const HOLDERS: readonly GlobalRole[] = ['admin', 'operator', 'member'];

const DATABASE = { kind: 'databases', parameter: 'database_id' } as const satisfies Subject;
const SERVER = { kind: 'servers', parameter: 'name' } as const satisfies Subject;
const absentAs = (subject: typeof DATABASE | typeof SERVER, absence: Absence): Subject => ({ ...subject, absence });
const DATABASES: Subject = { handler: ['databases'] };
const SERVERS: Subject = { handler: ['servers'] };
const ENVIRONMENT: Subject = { kind: 'environments', parameter: 'env' };
const ENVIRONMENTS: Subject = { handler: ['environments'] };
const PLACES: Subject = { handler: ['environments', 'servers'] };

const open = (roles: RouteRule['roles'], subject: Subject): RouteRule => ({ roles, subject, openOnLoopback: true });
const closed = (roles: RouteRule['roles'], subject: Subject): RouteRule => ({ roles, subject });

/** By method and pattern of the path, as in the API description. */
export const ROUTE_RULES: Readonly<Record<string, RouteRule>> = {
  'GET /': open('anyone', 'nothing'),
  'GET /healthz': open('anyone', 'nothing'),
  'GET /readyz': open('anyone', 'nothing'),
  'GET /v1/version': open('anyone', 'nothing'),
  'GET /v1/openapi.json': open('anyone', 'nothing'),
  'GET /v1/docs': open('anyone', 'nothing'),

  'GET /v1/databases': open(READERS, DATABASES),
  'POST /v1/databases': open(OPERATORS, DATABASES),
  'GET /v1/databases/{database_id}': open(READERS, DATABASE),
  'POST /v1/databases/{database_id}': open(OPERATORS, DATABASE),
  'DELETE /v1/databases/{database_id}': open(OPERATORS, DATABASE),
  'POST /v1/databases/{database_id}/nodes/{node_name}/switchover': open(ADMINS, DATABASE),
  // Open only to those who are known: the answer has the key.
  'POST /v1/databases/{database_id}/services/{service_id}/jwt-rotation': closed(OPERATORS, DATABASE),
  'GET /v1/databases/{database_id}/services/{service_id}/jwt-rotation': closed(READERS, DATABASE),
  'GET /v1/databases/{database_id}/tasks': open(READERS, absentAs(DATABASE, 'no_tasks')),
  'GET /v1/databases/{database_id}/tasks/{task_id}': open(READERS, absentAs(DATABASE, 'task')),
  'GET /v1/databases/{database_id}/tasks/{task_id}/log': open(READERS, absentAs(DATABASE, 'task')),
  'GET /v1/databases/{database_id}/tasks/{task_id}/cancel': open(OPERATORS, absentAs(DATABASE, 'cancellable_task')),
  'POST /v1/databases/{database_id}/tasks/{task_id}/cancel': open(OPERATORS, absentAs(DATABASE, 'cancellable_task')),
  'GET /v1/tasks': open(READERS, { handler: ['databases', 'servers'] }),
  'GET /v1/hosts': open(READERS, 'installation'),
  'GET /v1/hosts/join-tokens': closed(ADMINS, 'installation'),
  'POST /v1/hosts/join-tokens': closed(ADMINS, 'installation'),
  'DELETE /v1/hosts/join-tokens/{token_id}': closed(ADMINS, 'installation'),
  'GET /v1/hosts/{host_id}': open(READERS, 'installation'),
  'DELETE /v1/hosts/{host_id}': closed(ADMINS, 'installation'),
  'GET /v1/hosts/{host_id}/tasks': open(READERS, 'installation'),
  'GET /v1/hosts/{host_id}/tasks/{task_id}': open(READERS, 'installation'),
  'GET /v1/hosts/{host_id}/tasks/{task_id}/logs': open(READERS, 'installation'),
  'GET /v1/cluster': open(READERS, 'installation'),
  'GET /v1/cluster/init': open(READERS, 'installation'),
  'GET /v1/cluster/join-token': closed(ADMINS, 'installation'),

  'GET /v1/me': open(EVERYBODY, 'nothing'),
  'GET /v1/tokens': closed(EVERYBODY, 'nothing'),
  'POST /v1/tokens': closed(EVERYBODY, 'nothing'),
  'GET /v1/tokens/{token_id}': closed(EVERYBODY, 'nothing'),
  'DELETE /v1/tokens/{token_id}': closed(EVERYBODY, 'nothing'),
  'GET /v1/accounts': closed(OVERSEERS, 'installation'),
  'POST /v1/accounts': closed(ADMINS, 'installation'),
  'GET /v1/accounts/{account_id}': closed(OVERSEERS, 'installation'),
  'PATCH /v1/accounts/{account_id}': closed(ADMINS, 'installation'),
  'DELETE /v1/accounts/{account_id}': closed(ADMINS, 'installation'),

  'GET /v1/servers': closed(READERS, SERVERS),
  'POST /v1/servers': closed(ADMINS, 'installation'),
  'GET /v1/servers/{name}': closed(READERS, SERVER),
  'PUT /v1/servers/{name}': closed(ADMINS, SERVER),
  'DELETE /v1/servers/{name}': closed(ADMINS, SERVER),
  'POST /v1/servers/{name}/probe': closed(OPERATORS, SERVER),
  'POST /v1/servers/{name}/plan': closed(OPERATORS, SERVER),
  'POST /v1/servers/{name}/apply': closed(OPERATORS, SERVER),
  'GET /v1/servers/{name}/document': closed(READERS, SERVER),
  'GET /v1/servers/{name}/roles': closed(READERS, SERVER),
  'GET /v1/servers/{name}/roles/{role}': closed(READERS, SERVER),
  'PUT /v1/servers/{name}/roles/{role}': closed(OPERATORS, SERVER),
  'DELETE /v1/servers/{name}/roles/{role}': closed(OPERATORS, SERVER),
  'GET /v1/servers/{name}/roles/{role}/drop-preview': closed(READERS, SERVER),
  'PUT /v1/servers/{name}/roles/{role}/members/{member}': closed(OPERATORS, SERVER),
  'DELETE /v1/servers/{name}/roles/{role}/members/{member}': closed(OPERATORS, SERVER),
  'GET /v1/servers/{name}/roles/{role}/privileges': closed(READERS, SERVER),
  'POST /v1/servers/{name}/grants': closed(OPERATORS, SERVER),
  'POST /v1/servers/{name}/revokes': closed(OPERATORS, SERVER),
  'GET /v1/servers/{name}/explain': closed(READERS, SERVER),
  'GET /v1/servers/{name}/findings': closed(READERS, SERVER),
  'GET /v1/servers/{name}/hygiene': closed(READERS, SERVER),
  'GET /v1/servers/{name}/drift-policy': closed(READERS, SERVER),
  'PUT /v1/servers/{name}/drift-policy': closed(ADMINS, SERVER),
  'GET /v1/servers/{name}/managed-document': closed(READERS, SERVER),
  'PUT /v1/servers/{name}/managed-document': closed(ADMINS, SERVER),
  'DELETE /v1/servers/{name}/managed-document': closed(ADMINS, SERVER),
  'GET /v1/servers/{name}/drift': closed(READERS, SERVER),
  'POST /v1/servers/{name}/drift/check': closed(OPERATORS, SERVER),
  'POST /v1/servers/{name}/maintenance': closed(OPERATORS, SERVER),
  'GET /v1/servers/{name}/tasks': closed(READERS, absentAs(SERVER, 'no_tasks')),
  'GET /v1/servers/{name}/tasks/{task_id}': closed(READERS, absentAs(SERVER, 'task')),
  'GET /v1/servers/{name}/tasks/{task_id}/log': closed(READERS, absentAs(SERVER, 'task')),

  'GET /account': closed(EVERYBODY, 'nothing'),
  'GET /teams': closed(EVERYBODY, 'nothing'),
  'GET /teams/{team_id}': closed(EVERYBODY, 'nothing'),
  'GET /clusters': closed(EVERYBODY, 'nothing'),
  'GET /clusters/{cluster_id}': closed(EVERYBODY, 'nothing'),
  'GET /clusters/{cluster_id}/status': closed(EVERYBODY, 'nothing'),
  'GET /clusters/{cluster_id}/roles': closed(EVERYBODY, 'nothing'),
  'POST /clusters/{cluster_id}/roles': closed(EVERYBODY, 'nothing'),
  'GET /clusters/{cluster_id}/roles/{role_name}': closed(EVERYBODY, 'nothing'),
  'PUT /clusters/{cluster_id}/roles/{role_name}': closed(EVERYBODY, 'nothing'),
  'DELETE /clusters/{cluster_id}/roles/{role_name}': closed(EVERYBODY, 'nothing'),
  // It is the request for credentials: the handler judges the key that it comes with.
  'POST /access-tokens': open('anyone', 'nothing'),
  'DELETE /access-tokens/{token_id}': closed(EVERYBODY, 'nothing'),

  'GET /v1/teams': closed(OVERSEERS, 'installation'),
  'POST /v1/teams': closed(ADMINS, 'installation'),
  'GET /v1/teams/{team_id}': closed(OVERSEERS, 'installation'),
  'PATCH /v1/teams/{team_id}': closed(ADMINS, 'installation'),
  'DELETE /v1/teams/{team_id}': closed(ADMINS, 'installation'),
  'PUT /v1/teams/{team_id}/members/{account_id}': closed(ADMINS, 'installation'),
  'DELETE /v1/teams/{team_id}/members/{account_id}': closed(ADMINS, 'installation'),
  'GET /v1/clusters': closed(OVERSEERS, 'installation'),
  'POST /v1/clusters': closed(ADMINS, 'installation'),
  'GET /v1/clusters/{cluster_id}': closed(OVERSEERS, 'installation'),
  'DELETE /v1/clusters/{cluster_id}': closed(ADMINS, 'installation'),

  'GET /v1/policies': closed(READERS, ENVIRONMENTS),
  'GET /v1/policies/{env}': closed(READERS, ENVIRONMENT),
  'PUT /v1/policies/{env}': closed(ADMINS, ENVIRONMENT),
  'DELETE /v1/policies/{env}': closed(ADMINS, ENVIRONMENT),

  'GET /v1/approval-policies': closed(ADMINS, 'installation'),
  'POST /v1/approval-policies': closed(ADMINS, 'installation'),
  'GET /v1/approval-policies/{policy_id}': closed(ADMINS, 'installation'),
  'PUT /v1/approval-policies/{policy_id}': closed(ADMINS, 'installation'),
  'DELETE /v1/approval-policies/{policy_id}': closed(ADMINS, 'installation'),
  // Whose word counts is said by the policy; nobody's who may not even read what is asked for.
  'GET /v1/approvals': closed(READERS, SERVERS),
  'GET /v1/approvals/{approval_id}': closed(READERS, SERVERS),
  'POST /v1/approvals/{approval_id}/approve': closed(READERS, SERVERS),
  'POST /v1/approvals/{approval_id}/reject': closed(READERS, SERVERS),
  'POST /v1/approvals/{approval_id}/cancel': closed(OPERATORS, SERVERS),

  'GET /api/v1/registry': closed(READERS, ENVIRONMENTS),
  'POST /api/v1/registry': closed(ADMINS, PLACES),
  'POST /api/v1/registry/import': closed(ADMINS, 'installation'),
  'PATCH /api/v1/registry/{id}': closed(ADMINS, PLACES),
  'DELETE /api/v1/registry/{id}': closed(ADMINS, ENVIRONMENTS),
  'GET /api/v1/users/all': closed(READERS, ENVIRONMENTS),
  'GET /api/v1/users/find': closed(READERS, ENVIRONMENTS),
  'GET /api/v1/users/app': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/users/app': closed(OPERATORS, ENVIRONMENTS),
  'GET /api/v1/users/app-k8s': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/users/app-k8s': closed(OPERATORS, ENVIRONMENTS),
  'GET /api/v1/users/devqa': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/users/devqa': closed(OPERATORS, ENVIRONMENTS),
  'GET /api/v1/users/devlead': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/users/devlead': closed(OPERATORS, ENVIRONMENTS),
  'GET /api/v1/users/readonly': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/users/readonly': closed(OPERATORS, ENVIRONMENTS),
  'GET /api/v1/users/dba': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/users/dba': closed(OPERATORS, ENVIRONMENTS),
  'GET /api/v1/users/reset': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/users/reset': closed(OPERATORS, ENVIRONMENTS),
  'GET /api/v1/users/search-path': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/users/search-path': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/users/disable': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/users/enable': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/users/drop': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/users/bulk': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/grants': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/grants/refresh': closed(OPERATORS, ENVIRONMENTS),
  'POST /api/v1/revokes': closed(OPERATORS, ENVIRONMENTS),
  // The token in the path is the credential.
  'GET /api/v1/handover/{token}': open('anyone', 'nothing'),
  'POST /api/v1/handover/{token}': open('anyone', 'nothing'),

  'GET /v1/leases': closed(EVERYBODY, SERVERS),
  'POST /v1/leases': closed(HOLDERS, SERVERS),
  'GET /v1/leases/{lease_id}': closed(EVERYBODY, SERVERS),
  'POST /v1/leases/{lease_id}/renew': closed(HOLDERS, SERVERS),
  'POST /v1/leases/{lease_id}/revoke': closed(HOLDERS, SERVERS),
  'POST /v1/leases/{lease_id}/retry': closed(OPERATORS, SERVERS),
  'POST /v1/leases/{lease_id}/resolve': closed(ADMINS, SERVERS),
  'GET /v1/servers/{name}/lease-findings': closed(READERS, SERVER),
  'GET /v1/lease-templates': closed(EVERYBODY, SERVERS),
  'POST /v1/lease-templates': closed(ADMINS, 'installation'),
  'GET /v1/lease-templates/{template_id}': closed(EVERYBODY, SERVERS),
  'PATCH /v1/lease-templates/{template_id}': closed(ADMINS, 'installation'),
  'DELETE /v1/lease-templates/{template_id}': closed(ADMINS, 'installation'),
  'GET /v1/rotations': closed(READERS, SERVERS),
  'POST /v1/rotations': closed(OPERATORS, SERVERS),
  'GET /v1/rotations/{rotation_id}': closed(READERS, SERVERS),
  'PATCH /v1/rotations/{rotation_id}': closed(OPERATORS, SERVERS),
  'DELETE /v1/rotations/{rotation_id}': closed(OPERATORS, SERVERS),
  'POST /v1/rotations/{rotation_id}/pause': closed(OPERATORS, SERVERS),
  'POST /v1/rotations/{rotation_id}/resume': closed(OPERATORS, SERVERS),
  'POST /v1/rotations/{rotation_id}/trigger': closed(OPERATORS, SERVERS),
  'POST /v1/rotations/{rotation_id}/secret': closed(OPERATORS, SERVERS),

  'GET /v1/notifications/channels': closed(ADMINS, 'installation'),
  'POST /v1/notifications/channels': closed(ADMINS, 'installation'),
  'GET /v1/notifications/channels/{channel_id}': closed(ADMINS, 'installation'),
  'PATCH /v1/notifications/channels/{channel_id}': closed(ADMINS, 'installation'),
  'DELETE /v1/notifications/channels/{channel_id}': closed(ADMINS, 'installation'),
  'POST /v1/notifications/channels/{channel_id}/test': closed(ADMINS, 'installation'),
  'GET /v1/notifications/deliveries': closed(ADMINS, 'installation'),

  'GET /v1/audit': closed(OVERSEERS, 'installation'),
  'GET /v1/audit/export': closed(OVERSEERS, 'installation'),
  'GET /v1/retention': closed(ADMINS, 'installation'),
};
