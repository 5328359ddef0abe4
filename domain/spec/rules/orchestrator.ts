import type { Rule, SpecContext } from '../context.ts';
import { type Problem, quoted } from '../problems.ts';
import { textProblem } from '../text.ts';
import type { ServiceSpec } from '../types.ts';

type SwarmOptions = NonNullable<NonNullable<ServiceSpec['orchestrator_opts']>['swarm']>;

const RESERVED_LABEL = /^(pgedge|pgsteward)\./i;
/** `[registry[:port]/]path[:tag][@digest]`; what exactly a registry allows is the engine's to say. */
const IMAGE_REFERENCE = /^[a-z0-9][\w.\-/:@]{0,254}$/i;

/** Options for the container of a service. */
export const orchestratorRule: Rule = function* ({ spec: { services = [] } }, context) {
  for (const [i, { orchestrator_opts: options }] of services.entries()) {
    if (options?.swarm) yield* swarmProblems(`services[${i}].orchestrator_opts.swarm`, options.swarm, context);
  }
};

function* swarmProblems(path: string, options: SwarmOptions, { callerIsAdmin }: SpecContext): Iterable<Problem> {
  const { extra_volumes: volumes = [], extra_networks: networks = [], extra_labels: labels = {}, image } = options;
  if (volumes.length > 0) {
    yield { path: `${path}.extra_volumes`, message: 'extra_volumes is not supported for services' };
  }
  if (networks.length > 0) {
    const message = 'extra_networks is not supported here: services listen on the address of their host';
    yield { path: `${path}.extra_networks`, message };
  }
  for (const [name, value] of Object.entries(labels)) yield* labelProblems(`${path}.extra_labels`, name, value);
  if (image !== undefined) {
    if (!callerIsAdmin) yield { path: `${path}.image`, message: 'choosing an image needs the admin role' };
    if (!IMAGE_REFERENCE.test(image)) yield { path: `${path}.image`, message: 'must be an image reference' };
  }
}

function* labelProblems(path: string, name: string, value: string): Iterable<Problem> {
  if (RESERVED_LABEL.test(name)) {
    yield { path, message: `label ${quoted(name)} is reserved: it starts with "pgedge." or "pgsteward."` };
  }
  const problem = name === '' ? 'must not be empty' : (textProblem(name) ?? textProblem(value));
  if (problem !== undefined) yield { path, message: `label ${quoted(name)} ${problem}` };
}
