/** Who may call which route. A route without a line here is refused to everybody; docs/authorization.md shows the same table. */
import type { GlobalRole } from '../../domain/authority/roles.ts';
import type { ScopeKind } from '../../domain/authority/scope.ts';

/** What a route is about, held against the caller's scope. */
export type Subject =
  /** Nothing that a scope could name. */
  | 'nothing'
  /** The whole installation: only callers without a scope. */
  | 'installation'
  /** Several, or one that stands in query or body: the handler asks `mayUse` and leaves out what the caller may not see. */
  | { readonly handler: readonly ScopeKind[] }
  /** One, named by a parameter of the path. Outside the scope it answers as if it did not exist (R6). */
  | { readonly kind: ScopeKind; readonly parameter: string };

export interface RouteRule {
  /** `anyone` needs no credentials. */
  readonly roles: 'anyone' | readonly GlobalRole[];
  readonly subject: Subject;
  /** Open, as administrator, on the loopback listener of the development stack: the published examples send no credentials. */
  readonly openOnLoopback?: true;
}

const ADMINS: readonly GlobalRole[] = ['admin'];
const OPERATORS: readonly GlobalRole[] = ['admin', 'operator'];
const AUDITORS: readonly GlobalRole[] = ['admin', 'auditor'];
const READERS: readonly GlobalRole[] = ['admin', 'operator', 'auditor'];

const DATABASE: Subject = { kind: 'databases', parameter: 'database_id' };
const SERVER: Subject = { kind: 'servers', parameter: 'name' };
const DATABASES: Subject = { handler: ['databases'] };
const SERVERS: Subject = { handler: ['servers'] };

const open = (roles: RouteRule['roles'], subject: Subject): RouteRule => ({ roles, subject, openOnLoopback: true });
const closed = (roles: RouteRule['roles'], subject: Subject): RouteRule => ({ roles, subject });

/** By method and pattern of the path, as in the API description. */
export const ROUTE_RULES: Readonly<Record<string, RouteRule>> = {
  'GET /': open('anyone', 'nothing'),
  'GET /healthz': open('anyone', 'nothing'),
  'GET /readyz': open('anyone', 'nothing'),
  'GET /v1/version': open('anyone', 'nothing'),
  'GET /v1/openapi.json': open('anyone', 'nothing'),

  'GET /v1/databases': open(READERS, DATABASES),
  'POST /v1/databases': open(OPERATORS, DATABASES),
  'GET /v1/databases/{database_id}': open(READERS, DATABASE),
  'POST /v1/databases/{database_id}': open(OPERATORS, DATABASE),
  'DELETE /v1/databases/{database_id}': open(OPERATORS, DATABASE),
  'POST /v1/databases/{database_id}/nodes/{node_name}/switchover': open(OPERATORS, DATABASE),
  'GET /v1/databases/{database_id}/tasks': open(READERS, DATABASE),
  'GET /v1/databases/{database_id}/tasks/{task_id}': open(READERS, DATABASE),
  'GET /v1/databases/{database_id}/tasks/{task_id}/log': open(READERS, DATABASE),
  'GET /v1/databases/{database_id}/tasks/{task_id}/cancel': open(OPERATORS, DATABASE),
  'POST /v1/databases/{database_id}/tasks/{task_id}/cancel': open(OPERATORS, DATABASE),
  'GET /v1/tasks': open(READERS, { handler: ['databases', 'servers'] }),
  'GET /v1/hosts': open(READERS, 'installation'),
  'GET /v1/hosts/{host_id}': open(READERS, 'installation'),
  'GET /v1/hosts/{host_id}/tasks': open(READERS, 'installation'),
  'GET /v1/hosts/{host_id}/tasks/{task_id}': open(READERS, 'installation'),
  'GET /v1/hosts/{host_id}/tasks/{task_id}/logs': open(READERS, 'installation'),
  'GET /v1/cluster': open(READERS, 'installation'),
  'GET /v1/cluster/init': open(READERS, 'installation'),
  'GET /v1/cluster/join-token': closed(ADMINS, 'installation'),

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
  'GET /v1/servers/{name}/tasks': closed(READERS, SERVER),
  'GET /v1/servers/{name}/tasks/{task_id}': closed(READERS, SERVER),
  'GET /v1/servers/{name}/tasks/{task_id}/log': closed(READERS, SERVER),

  'GET /v1/audit': closed(AUDITORS, 'installation'),
  'GET /v1/audit/export': closed(AUDITORS, 'installation'),
};
