import { normalizeSpec } from '../../domain/spec/normalize.ts';
import type { Problem } from '../../domain/spec/problems.ts';
import type { DatabaseSpec } from '../../domain/spec/types.ts';
import { reservedServiceConnections } from '../../store/servers.ts';
import type { ApiDeps } from '../deps.ts';
import { replicationProblems } from '../nodes/replication-problems.ts';
import type { Knowledge } from './knowledge.ts';

/** Connections that the control plane itself may open to a server, per process; two processes are allowed for. */
const CONTROL_CONNECTIONS = 8;

/**
 * Names that exist on the servers already, hosts that are no replication group, and connections that the servers do not have (R1,
 * R21): known at once, refused at once.
 */
export async function serverConflicts(
  deps: ApiDeps,
  input: {
    databaseId: string;
    spec: DatabaseSpec;
    knowledge: Knowledge;
    /** The database exists, with these roles: neither its name nor theirs is a conflict. */
    existing?: { roles: ReadonlySet<string> };
  },
): Promise<Problem[]> {
  const names = [...nameConflicts(input)];
  const groups = replicationProblems(input.spec, input.knowledge.around);
  return [...names, ...groups, ...(await connectionConflicts(deps, input))];
}

function* nameConflicts(input: {
  spec: DatabaseSpec;
  knowledge: Knowledge;
  existing?: { roles: ReadonlySet<string> };
}): Iterable<Problem> {
  const { spec, knowledge, existing } = input;
  for (const [server, look] of knowledge.looks) {
    if (look.databaseExists && existing === undefined) {
      yield { path: 'database_name', message: `database "${spec.database_name}" exists on server ${server} already` };
    }
    for (const [index, user] of (spec.database_users ?? []).entries()) {
      if (user.adopt === true || !look.existingRoles.includes(user.username)) continue;
      if (existing?.roles.has(user.username)) continue;
      // Reported by the validation, with its owner.
      if (knowledge.context.foreignRoles.has(user.username) || look.superusers.includes(user.username)) continue;
      yield {
        path: `database_users[${index}].username`,
        message: `role "${user.username}" exists on server ${server} and was not made for this database; choose another name, or set "adopt": true to take it over`,
      };
    }
  }
}

/** Every service may open its pool and one listener, on each of its hosts, to each node. */
async function connectionConflicts(
  deps: ApiDeps,
  input: { databaseId: string; spec: DatabaseSpec; knowledge: Knowledge },
): Promise<Problem[]> {
  const { services } = normalizeSpec(input);
  const wanted = services.reduce((sum, service) => sum + (service.settings.pool + 1) * service.hostIds.length, 0);
  if (wanted === 0) return [];
  const problems: Problem[] = [];
  for (const [server, look] of input.knowledge.looks) {
    const taken = await reservedServiceConnections(deps.db, { serverName: server, exceptDatabaseId: input.databaseId });
    const available = look.maxConnections - look.reservedConnections - CONTROL_CONNECTIONS;
    if (taken + wanted > available) {
      problems.push({
        path: 'services',
        message: `these services may open ${wanted} connections (db_pool + 1 each), services of other databases ${taken}, and server ${server} has ${available} for services (max_connections ${look.maxConnections}); lower db_pool or raise max_connections`,
      });
    }
  }
  return problems;
}
