import type { Rule } from '../context.ts';

const SETTINGS = 'settings of an existing server are not managed here; change them on the server';
const CONNECTIONS = 'an existing server listens where it already does; register it with its address and port';
const RESOURCES = 'an existing server keeps the resources it has; limits can be set for services';
const BACKUPS = 'backups of an existing server are not managed here; configure them on the server';
const REPLICATION = 'replication between existing servers is not set up here';
const ORCHESTRATION = 'an existing server is not run by this control plane; options can be set for services';

/** Members of databases and nodes that concern servers made by the control plane itself, and why they cannot be honoured. */
const MEMBERS = [
  ['orchestrator_opts', ORCHESTRATION],
  ['port', CONNECTIONS],
  ['patroni_port', CONNECTIONS],
  ['cpus', RESOURCES],
  ['memory', RESOURCES],
  ['postgresql_conf', SETTINGS],
  ['pg_hba_conf', SETTINGS],
  ['pg_ident_conf', SETTINGS],
  ['backup_config', BACKUPS],
  ['restore_config', BACKUPS],
] as const;

const DATABASE_MEMBERS = [...MEMBERS, ['spock_version', REPLICATION]] as const;
const NODE_MEMBERS = [...MEMBERS, ['source_node', REPLICATION]] as const;

/** Refuses by name what would otherwise be ignored although the caller relies on it. */
export const unsupportedRule: Rule = function* ({ spec }) {
  for (const [name, reason] of DATABASE_MEMBERS) {
    if (asksForSomething(spec[name])) yield { path: name, message: `not supported: ${reason}` };
  }
  for (const [i, node] of spec.nodes.entries()) {
    for (const [name, reason] of NODE_MEMBERS) {
      if (asksForSomething(node[name])) yield { path: `nodes[${i}].${name}`, message: `not supported: ${reason}` };
    }
  }
};

/** Clients that cannot leave a member out send it empty: that asks for nothing. */
function asksForSomething(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
