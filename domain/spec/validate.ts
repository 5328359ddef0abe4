/** Judges a request whose shape is right: everything that takes more than one member, or knowledge of the installation. */
import type { SpecContext } from './context.ts';
import type { Problem } from './problems.ts';
import { connectAsRule } from './rules/connect-as.ts';
import { databaseRule } from './rules/database.ts';
import { hostsRule } from './rules/hosts.ts';
import { membershipsRule } from './rules/memberships.ts';
import { nodesRule } from './rules/nodes.ts';
import { orchestratorRule } from './rules/orchestrator.ts';
import { portsRule } from './rules/ports.ts';
import { scriptsRule } from './rules/scripts.ts';
import { serviceConfigRule } from './rules/service-config.ts';
import { servicesRule } from './rules/services.ts';
import { unchangeableRule } from './rules/unchangeable.ts';
import { unsupportedRule } from './rules/unsupported.ts';
import { usersRule } from './rules/users.ts';
import type { SpecRequest } from './types.ts';

const RULES = [
  databaseRule,
  unsupportedRule,
  nodesRule,
  usersRule,
  membershipsRule,
  servicesRule,
  connectAsRule,
  serviceConfigRule,
  orchestratorRule,
  scriptsRule,
  portsRule,
  hostsRule,
  unchangeableRule,
];

/** Every problem of the request, in the order of the rules above; none when it can be accepted. Never throws. */
export function validateSpec(request: SpecRequest, context: SpecContext): Problem[] {
  return RULES.flatMap((rule) => [...rule(request, context)]);
}
