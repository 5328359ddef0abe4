import { DATABASE_AND_SERVICE_ID_MAX_LENGTH, IDENTIFIER_RULE, isIdentifier } from '../../identifiers.ts';
import type { Rule } from '../context.ts';
import { type Problem, quoted } from '../problems.ts';
import { parseCpus, parseMemory } from '../quantities.ts';
import type { ServiceSpec } from '../types.ts';

/** Docker Engine refuses smaller limits. */
const MEMORY_MIN_BYTES = 6 * 2 ** 20;

/** Ids, type, hosts, resources and targets of services. */
export const servicesRule: Rule = function* ({ spec: { nodes, services = [] } }, { databaseId }) {
  const ids = new Set<string>();
  const nodeNames = new Set(nodes.map(({ name }) => name));
  for (const [i, service] of services.entries()) {
    const path = `services[${i}]`;
    if (ids.has(service.service_id)) yield { path, message: 'service IDs must be unique within a database' };
    ids.add(service.service_id);
    yield* idProblems(`${path}.service_id`, service.service_id, databaseId);
    if (service.service_type !== 'postgrest') {
      const message = `service type "${service.service_type}" is not supported here; this control plane runs "postgrest"`;
      yield { path: `${path}.service_type`, message };
    }
    yield* hostProblems(`${path}.host_ids`, service.host_ids);
    yield* resourceProblems(path, service);
    yield* targetProblems(`${path}.database_connection.target_nodes`, service, nodeNames);
  }
};

function* idProblems(path: string, serviceId: string, databaseId: string): Iterable<Problem> {
  if (!isIdentifier(serviceId)) yield { path, message: IDENTIFIER_RULE };
  const length = databaseId.length + serviceId.length;
  if (length > DATABASE_AND_SERVICE_ID_MAX_LENGTH) {
    const limit = DATABASE_AND_SERVICE_ID_MAX_LENGTH;
    yield { path, message: `database ID and service ID combined must not exceed ${limit} characters (got ${length})` };
  }
}

function* hostProblems(path: string, hostIds: string[]): Iterable<Problem> {
  const seen = new Set<string>();
  for (const [j, hostId] of hostIds.entries()) {
    const at = `${path}[${j}]`;
    if (!isIdentifier(hostId)) yield { path: at, message: IDENTIFIER_RULE };
    if (seen.has(hostId)) yield { path: at, message: 'host IDs must be unique within a service' };
    seen.add(hostId);
  }
}

function* resourceProblems(path: string, { cpus = '', memory = '' }: ServiceSpec): Iterable<Problem> {
  const count = cpus === '' ? 0 : parseCpus(cpus);
  if (count === undefined) yield { path: `${path}.cpus`, message: 'must be a number of CPUs, such as "0.5" or "500m"' };
  const bytes = memory === '' ? 0 : parseMemory(memory);
  if (bytes === undefined) {
    yield { path: `${path}.memory`, message: 'must be an amount of memory, such as "512M" or "1GiB"' };
  } else if (bytes > 0 && bytes < MEMORY_MIN_BYTES) {
    yield { path: `${path}.memory`, message: 'must be at least 6MiB' };
  }
}

function* targetProblems(path: string, service: ServiceSpec, nodeNames: ReadonlySet<string>): Iterable<Problem> {
  const seen = new Set<string>();
  for (const [j, name] of (service.database_connection?.target_nodes ?? []).entries()) {
    const at = `${path}[${j}]`;
    if (name === '') {
      yield { path: at, message: 'node name must not be empty' };
    } else if (!nodeNames.has(name)) {
      yield { path: at, message: `node ${quoted(name)} does not exist in the database spec` };
    } else if (seen.has(name)) {
      yield { path: at, message: `duplicate node name ${quoted(name)}` };
    }
    seen.add(name);
  }
}
