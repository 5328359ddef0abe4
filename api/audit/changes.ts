/**
 * Routes that change or reveal something, and what a refused request to them is called in the audit log. What is accepted is
 * recorded by the handler under the same action. Every route that is not GET is here or in {@link CHANGES_NOTHING}; a test holds
 * that.
 */

export interface AuditedRoute {
  action: string;
  /** With parameters of the path in braces. What only the body names is not in it: it was not judged. */
  resource: string;
  /** It changes nothing, and gives out what not everybody may have. */
  reveals?: true;
}

/** By method and pattern of the path, as in the table of rules. */
export const AUDITED_ROUTES: Readonly<Record<string, AuditedRoute>> = {
  'POST /v1/databases': { action: 'database.create', resource: 'database' },
  'POST /v1/databases/{database_id}': { action: 'database.update', resource: 'database/{database_id}' },
  'DELETE /v1/databases/{database_id}': { action: 'database.delete', resource: 'database/{database_id}' },
  'POST /v1/databases/{database_id}/nodes/{node_name}/switchover': {
    action: 'database.switchover',
    resource: 'database/{database_id}',
  },
  'POST /v1/databases/{database_id}/services/{service_id}/jwt-rotation': {
    action: 'database.update',
    resource: 'database/{database_id}',
  },
  'GET /v1/databases/{database_id}/tasks/{task_id}/cancel': {
    action: 'task.cancel',
    resource: 'database/{database_id}',
  },
  'POST /v1/databases/{database_id}/tasks/{task_id}/cancel': {
    action: 'task.cancel',
    resource: 'database/{database_id}',
  },
  'GET /v1/cluster/join-token': { action: 'cluster.join-token', resource: 'cluster', reveals: true },

  'POST /v1/hosts/join-tokens': { action: 'join_token.create', resource: 'join_token' },
  'DELETE /v1/hosts/join-tokens/{token_id}': { action: 'join_token.revoke', resource: 'join_token/{token_id}' },
  'DELETE /v1/hosts/{host_id}': { action: 'host.delete', resource: 'host/{host_id}' },

  'POST /v1/tokens': { action: 'token.create', resource: 'token' },
  'DELETE /v1/tokens/{token_id}': { action: 'token.revoke', resource: 'token/{token_id}' },
  'POST /v1/accounts': { action: 'account.create', resource: 'account' },
  'PATCH /v1/accounts/{account_id}': { action: 'account.change', resource: 'account/{account_id}' },
  'DELETE /v1/accounts/{account_id}': { action: 'account.change', resource: 'account/{account_id}' },

  'POST /v1/servers': { action: 'server.register', resource: 'server' },
  'PUT /v1/servers/{name}': { action: 'server.change', resource: 'server/{name}' },
  'DELETE /v1/servers/{name}': { action: 'server.delete', resource: 'server/{name}' },
  'POST /v1/servers/{name}/apply': { action: 'server.apply_roles', resource: 'server/{name}' },
  'PUT /v1/servers/{name}/roles/{role}': { action: 'server.change_role', resource: 'server/{name}/role/{role}' },
  'DELETE /v1/servers/{name}/roles/{role}': { action: 'server.drop_role', resource: 'server/{name}/role/{role}' },
  'PUT /v1/servers/{name}/roles/{role}/members/{member}': {
    action: 'server.change_role',
    resource: 'server/{name}/role/{role}',
  },
  'DELETE /v1/servers/{name}/roles/{role}/members/{member}': {
    action: 'server.change_role',
    resource: 'server/{name}/role/{role}',
  },
  'POST /v1/servers/{name}/grants': { action: 'server.change_role', resource: 'server/{name}' },
  'POST /v1/servers/{name}/revokes': { action: 'server.change_role', resource: 'server/{name}' },

  'PUT /v1/servers/{name}/drift-policy': { action: 'server.drift_policy', resource: 'server/{name}' },
  'PUT /v1/servers/{name}/managed-document': { action: 'server.managed_document', resource: 'server/{name}' },
  'DELETE /v1/servers/{name}/managed-document': { action: 'server.managed_document', resource: 'server/{name}' },
  'POST /v1/servers/{name}/drift/check': { action: 'server.check_drift', resource: 'server/{name}' },
  'POST /v1/servers/{name}/maintenance': { action: 'server.maintenance', resource: 'server/{name}' },

  'POST /access-tokens': { action: 'token.create', resource: 'token' },
  'DELETE /access-tokens/{token_id}': { action: 'token.revoke', resource: 'access-token/{token_id}' },
  'POST /v1/teams': { action: 'team.create', resource: 'team' },
  'PATCH /v1/teams/{team_id}': { action: 'team.change', resource: 'team/{team_id}' },
  'DELETE /v1/teams/{team_id}': { action: 'team.delete', resource: 'team/{team_id}' },
  'PUT /v1/teams/{team_id}/members/{account_id}': { action: 'team.put_member', resource: 'team/{team_id}' },
  'DELETE /v1/teams/{team_id}/members/{account_id}': { action: 'team.remove_member', resource: 'team/{team_id}' },
  'POST /clusters/{cluster_id}/roles': { action: 'cluster.role', resource: 'cluster/{cluster_id}' },
  'GET /clusters/{cluster_id}/roles/{role_name}': {
    action: 'cluster.role_password',
    resource: 'cluster/{cluster_id}/role/{role_name}',
    reveals: true,
  },
  'PUT /clusters/{cluster_id}/roles/{role_name}': {
    action: 'cluster.role',
    resource: 'cluster/{cluster_id}/role/{role_name}',
  },
  'DELETE /clusters/{cluster_id}/roles/{role_name}': {
    action: 'server.drop_role',
    resource: 'cluster/{cluster_id}/role/{role_name}',
  },
  'POST /v1/clusters': { action: 'cluster.assign', resource: 'cluster' },
  'DELETE /v1/clusters/{cluster_id}': { action: 'cluster.unassign', resource: 'cluster/{cluster_id}' },

  'PUT /v1/policies/{env}': { action: 'policy.put', resource: 'policy/{env}' },
  'DELETE /v1/policies/{env}': { action: 'policy.delete', resource: 'policy/{env}' },
  'POST /v1/approval-policies': { action: 'approval_policy.create', resource: 'approval_policy' },
  'PUT /v1/approval-policies/{policy_id}': {
    action: 'approval_policy.change',
    resource: 'approval_policy/{policy_id}',
  },
  'DELETE /v1/approval-policies/{policy_id}': {
    action: 'approval_policy.delete',
    resource: 'approval_policy/{policy_id}',
  },
  'POST /v1/approvals/{approval_id}/approve': { action: 'approval.approve', resource: 'approval/{approval_id}' },
  'POST /v1/approvals/{approval_id}/reject': { action: 'approval.reject', resource: 'approval/{approval_id}' },
  'POST /v1/approvals/{approval_id}/cancel': { action: 'approval.cancel', resource: 'approval/{approval_id}' },
  'POST /api/v1/registry': { action: 'registry.create', resource: 'registry' },
  'POST /api/v1/registry/import': { action: 'registry.import', resource: 'registry' },
  'PATCH /api/v1/registry/{id}': { action: 'registry.change', resource: 'registry/{id}' },
  'DELETE /api/v1/registry/{id}': { action: 'registry.delete', resource: 'registry/{id}' },

  'POST /v1/leases': { action: 'lease.create', resource: 'lease' },
  'POST /v1/leases/{lease_id}/renew': { action: 'lease.renew', resource: 'lease/{lease_id}' },
  'POST /v1/leases/{lease_id}/revoke': { action: 'lease.revoke', resource: 'lease/{lease_id}' },
  'POST /v1/leases/{lease_id}/retry': { action: 'lease.retry', resource: 'lease/{lease_id}' },
  'POST /v1/leases/{lease_id}/resolve': { action: 'lease.resolve', resource: 'lease/{lease_id}' },
  'POST /v1/lease-templates': { action: 'lease_template.create', resource: 'lease_template' },
  'PATCH /v1/lease-templates/{template_id}': {
    action: 'lease_template.change',
    resource: 'lease_template/{template_id}',
  },
  'DELETE /v1/lease-templates/{template_id}': {
    action: 'lease_template.delete',
    resource: 'lease_template/{template_id}',
  },
  'POST /v1/rotations': { action: 'rotation.create', resource: 'rotation' },
  'PATCH /v1/rotations/{rotation_id}': { action: 'rotation.change', resource: 'rotation/{rotation_id}' },
  'DELETE /v1/rotations/{rotation_id}': { action: 'rotation.delete', resource: 'rotation/{rotation_id}' },
  'POST /v1/rotations/{rotation_id}/pause': { action: 'rotation.pause', resource: 'rotation/{rotation_id}' },
  'POST /v1/rotations/{rotation_id}/resume': { action: 'rotation.resume', resource: 'rotation/{rotation_id}' },
  'POST /v1/rotations/{rotation_id}/trigger': { action: 'rotation.run', resource: 'rotation/{rotation_id}' },
  'POST /v1/rotations/{rotation_id}/secret': {
    action: 'rotation.secret',
    resource: 'rotation/{rotation_id}',
    reveals: true,
  },

  'POST /v1/notifications/channels': { action: 'notification_channel.create', resource: 'notification_channel' },
  'PATCH /v1/notifications/channels/{channel_id}': {
    action: 'notification_channel.change',
    resource: 'notification_channel/{channel_id}',
  },
  'DELETE /v1/notifications/channels/{channel_id}': {
    action: 'notification_channel.delete',
    resource: 'notification_channel/{channel_id}',
  },
  'POST /v1/notifications/channels/{channel_id}/test': {
    action: 'notification_channel.test',
    resource: 'notification_channel/{channel_id}',
  },
  'GET /api/v1/users/app': { action: 'user.create', resource: 'user' },
  'POST /api/v1/users/app': { action: 'user.create', resource: 'user' },
  'GET /api/v1/users/app-k8s': { action: 'user.create', resource: 'user' },
  'POST /api/v1/users/app-k8s': { action: 'user.create', resource: 'user' },
  'GET /api/v1/users/devqa': { action: 'user.create', resource: 'user' },
  'POST /api/v1/users/devqa': { action: 'user.create', resource: 'user' },
  'GET /api/v1/users/devlead': { action: 'user.create', resource: 'user' },
  'POST /api/v1/users/devlead': { action: 'user.create', resource: 'user' },
  'GET /api/v1/users/readonly': { action: 'user.create', resource: 'user' },
  'POST /api/v1/users/readonly': { action: 'user.create', resource: 'user' },
  'GET /api/v1/users/dba': { action: 'user.create', resource: 'user' },
  'POST /api/v1/users/dba': { action: 'user.create', resource: 'user' },
  'GET /api/v1/users/reset': { action: 'user.reset', resource: 'user' },
  'POST /api/v1/users/reset': { action: 'user.reset', resource: 'user' },
  'GET /api/v1/users/search-path': { action: 'user.search-path', resource: 'user' },
  'POST /api/v1/users/search-path': { action: 'user.search-path', resource: 'user' },
  'POST /api/v1/users/disable': { action: 'user.disable', resource: 'user' },
  'POST /api/v1/users/enable': { action: 'user.enable', resource: 'user' },
  'POST /api/v1/users/drop': { action: 'server.drop_role', resource: 'server' },
  'POST /api/v1/users/bulk': { action: 'user.create', resource: 'user' },
  'POST /api/v1/grants': { action: 'user.grants', resource: 'user' },
  'POST /api/v1/revokes': { action: 'user.revokes', resource: 'user' },
  'POST /api/v1/grants/refresh': { action: 'user.groups', resource: 'user' },
  'POST /api/v1/handover/{token}': { action: 'role.password', resource: 'handover', reveals: true },

  'GET /v1/audit/export': { action: 'audit.export', resource: 'audit', reveals: true },
};

/** Routes that only look, although their method is not GET. */
export const CHANGES_NOTHING: ReadonlySet<string> = new Set([
  'POST /v1/servers/{name}/probe',
  'POST /v1/servers/{name}/plan',
]);
