/** The resolved form of a specification: every default applied, units converted, no secret. What the workflows work on. */
import type { PostgrestSettings, ServiceConnection } from '../services.ts';
import { postgrestSettings } from './postgrest-config.ts';
import { parseCpus, parseMemory } from './quantities.ts';
import { parseRoleAttribute, type RoleAttribute } from './role-attributes.ts';
import type { DatabaseSpec, DatabaseUserSpec, NodeSpec, ServiceSpec } from './types.ts';

/** A database as it is to be. */
export interface ResolvedSpec {
  databaseName: string;
  nodes: ResolvedNode[];
  users: ResolvedUser[];
  services: ResolvedService[];
  scripts: { postInit: string[]; postDatabaseCreate: string[] };
  extensions: string[];
  /** Whether an update drops the roles of users that are no longer listed. */
  dropRemovedUsers: boolean;
}

/** Hosts whose servers form one replication group, in the order of the specification. */
export interface ResolvedNode {
  name: string;
  hostIds: string[];
  /** `major.minor` as asked for; absent = whatever the server runs. */
  postgresVersion?: string;
}

/** A login of the database. Its password is kept elsewhere. */
export interface ResolvedUser {
  username: string;
  owner: boolean;
  attributes: RoleAttribute[];
  roles: string[];
  /** The role may exist already, and is then taken over. */
  adopt: boolean;
}

/** A PostgREST service, one instance on each host. */
export interface ResolvedService {
  serviceId: string;
  /** `latest` or `major.minor[.patch]`, as asked for. */
  version: string;
  hostIds: string[];
  /** 0 = to be chosen; absent = not published. */
  port?: number;
  connectAs: string;
  settings: PostgrestSettings;
  /** Names of the nodes to connect to, in order; empty = all of them. */
  targetNodes: string[];
  targetSessionAttributes: ServiceConnection['targetSessionAttributes'];
  /** CPUs as a fraction; absent = no limit. */
  cpus?: number;
  /** Bytes; absent = no limit. */
  memoryBytes?: number;
  image?: string;
  labels: Record<string, string>;
}

/** Resolves a specification that {@link validateSpec} found no problem in. */
export function normalizeSpec({ databaseId, spec }: { databaseId: string; spec: DatabaseSpec }): ResolvedSpec {
  return {
    databaseName: spec.database_name,
    nodes: spec.nodes.map((node) => resolveNode(node, spec.postgres_version)),
    users: (spec.database_users ?? []).map(resolveUser),
    services: (spec.services ?? []).map((service) => resolveService(databaseId, service)),
    scripts: {
      postInit: spec.scripts?.post_init ?? [],
      postDatabaseCreate: spec.scripts?.post_database_create ?? [],
    },
    extensions: spec.extensions ?? [],
    dropRemovedUsers: spec.drop_removed_users ?? false,
  };
}

/** LISTEN channel of one service: a reload meant for it wakes no other service of the same database. */
function reloadChannel(databaseId: string, serviceId: string): string {
  return `pgst_${databaseId}_${serviceId}`;
}

function resolveNode(node: NodeSpec, databaseVersion: string | undefined): ResolvedNode {
  const postgresVersion = node.postgres_version ?? databaseVersion;
  return { name: node.name, hostIds: node.host_ids, ...(postgresVersion !== undefined && { postgresVersion }) };
}

function resolveUser(user: DatabaseUserSpec): ResolvedUser {
  const attributes = (user.attributes ?? []).map(parseRoleAttribute).filter((attribute) => attribute !== undefined);
  return {
    username: user.username,
    owner: user.db_owner ?? false,
    attributes: [...new Set(attributes)],
    roles: [...new Set(user.roles)],
    adopt: user.adopt ?? false,
  };
}

function resolveService(databaseId: string, service: ServiceSpec): ResolvedService {
  const swarm = service.orchestrator_opts?.swarm;
  // 0 means "no limit", as absent does.
  const cpus = parseCpus(service.cpus ?? '') || undefined;
  const memoryBytes = parseMemory(service.memory ?? '') || undefined;
  return {
    serviceId: service.service_id,
    version: service.version,
    hostIds: service.host_ids,
    connectAs: service.connect_as,
    settings: postgrestSettings(service.config ?? {}, reloadChannel(databaseId, service.service_id)),
    targetNodes: service.database_connection?.target_nodes ?? [],
    targetSessionAttributes: service.database_connection?.target_session_attrs ?? 'read-write',
    labels: swarm?.extra_labels ?? {},
    ...(service.port !== undefined && { port: service.port }),
    ...(cpus !== undefined && { cpus }),
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(swarm?.image !== undefined && { image: swarm.image }),
  };
}
