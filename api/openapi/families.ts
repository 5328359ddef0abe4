/** What the description says of each family of the API: how its operations are called, grouped and refused. */
import { clusters, environments, familyOf } from '../families.ts';

export interface DescribedFamily {
  /** Begins the operation ids, so that `/clusters` and `/v1/clusters` differ. */
  idPrefix: string;
  /** What of the path says nothing in an operation id. */
  basePath: string;
  /** Name among the schemas of the document. */
  error: string;
  /** Errors of the shape of a request, where they look otherwise. */
  shapeError?: string;
}

const own: DescribedFamily = { idPrefix: '', basePath: '/v1', error: 'APIError', shapeError: 'SchemaError' };
const ofEnvironments: DescribedFamily = { idPrefix: 'environment', basePath: '/api/v1', error: 'EnvironmentError' };
const ofClusters: DescribedFamily = { idPrefix: 'bridge', basePath: '', error: 'ClusterError' };

/** The family of a path. */
export function describedFamily(path: string): DescribedFamily {
  const family = familyOf(path);
  if (family === environments) return ofEnvironments;
  return family === clusters ? ofClusters : own;
}

interface Tag {
  name: string;
  description: string;
}

/** The first prefix that a path begins with counts. */
const TAGS: readonly (Tag & { prefixes: readonly string[] })[] = [
  {
    name: 'Users by environment',
    description: 'Accounts of applications and people on databases that an environment and a name stand for.',
    prefixes: ['/api/v1/users', '/api/v1/grants', '/api/v1/revokes', '/api/v1/handover'],
  },
  {
    name: 'Registry and policies',
    description: 'Which database an environment and a name stand for, and what an environment allows.',
    prefixes: ['/api/v1', '/v1/policies'],
  },
  {
    name: 'Cluster roles',
    description: 'Roles of servers that are assigned to teams, as clients of Crunchy Bridge ask for them.',
    prefixes: ['/account', '/teams', '/clusters', '/access-tokens'],
  },
  {
    name: 'Databases',
    description: 'Databases with their users and services, as the pgEdge Control Plane publishes them.',
    prefixes: ['/v1/databases'],
  },
  { name: 'Tasks', description: 'What is being done, and what was.', prefixes: ['/v1/tasks'] },
  {
    name: 'Hosts',
    description: 'Hosts and this installation.',
    prefixes: ['/v1/hosts', '/v1/cluster/', '/v1/cluster$'],
  },
  { name: 'Servers', description: 'PostgreSQL servers, and their roles and rights.', prefixes: ['/v1/servers'] },
  {
    name: 'Teams',
    description: 'Teams, and the servers that are assigned to them.',
    prefixes: ['/v1/teams', '/v1/clusters'],
  },
  { name: 'Access', description: 'Who may call.', prefixes: ['/v1/me', '/v1/tokens', '/v1/accounts'] },
  { name: 'Audit', description: 'Who did what.', prefixes: ['/v1/audit'] },
  { name: 'Notifications', description: 'Who is told.', prefixes: ['/v1/notifications'] },
  {
    name: 'Service',
    description: 'This program.',
    prefixes: ['/$', '/healthz', '/readyz', '/v1/version', '/v1/openapi.json', '/v1/docs'],
  },
];

/** Name of the group that a path belongs to; a resource that has none is one of its own. */
export function tagOf(path: string): string {
  const found = TAGS.find(({ prefixes }) =>
    prefixes.some((prefix) => (prefix.endsWith('$') ? `${path}$` === prefix : path.startsWith(prefix))),
  );
  if (found !== undefined) return found.name;
  const [resource = ''] = path.split('/').filter((part) => part !== '' && part !== 'v1');
  return `${resource.slice(0, 1).toUpperCase()}${resource.slice(1)}`;
}

/** Those of the groups that are in use, in the order in which people look for them. */
export function tagsOf(used: ReadonlySet<string>): { name: string; description?: string }[] {
  const known = TAGS.filter(({ name }) => used.has(name)).map(({ name, description }) => ({ name, description }));
  const names = new Set(known.map(({ name }) => name));
  return [...known, ...[...used].filter((name) => !names.has(name)).map((name) => ({ name }))];
}
