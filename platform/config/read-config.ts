import { Failure } from '../../domain/failures.ts';
import { assembleConfig, type Machine } from './assemble/config.ts';
import type { Config } from './config.ts';
import { findConflicts, findWarnings } from './conflicts.ts';
import { OPTIONS } from './options.ts';
import { parseOptions } from './parse-options.ts';

/**
 * Reads the configuration from the environment, once, at the start of a process. A variable that is empty counts as not set.
 * @returns the frozen configuration, and warnings about what is risky and about variables that look like ours and are not
 * @throws Failure ConfigurationInvalid with all problems at once, one per line, each with the name of its variable
 */
export function readConfig(
  env: NodeJS.ProcessEnv,
  machine: Machine = thisMachine(),
): { config: Config; warnings: string[] } {
  const { values, problems } = parseOptions(env);
  const config = assembleConfig(values, machine);
  const allProblems = [...problems, ...findConflicts(values, config)];
  if (allProblems.length > 0) {
    throw new Failure('ConfigurationInvalid', `the configuration is not valid:\n${allProblems.join('\n')}`, {
      details: { problems: allProblems },
    });
  }
  return { config, warnings: [...findWarnings(config), ...unknownVariables(env)] };
}

/** What the command line reads to speak to an API (docs/cli.md): no setting of a process. */
const OF_CLIENTS: ReadonlySet<string> = new Set(['PGSTEWARD_URL', 'PGSTEWARD_TOKEN', 'PGSTEWARD_TOKEN_FILE']);

function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('PGSTEWARD_') && !Object.hasOwn(OPTIONS, name) && !OF_CLIENTS.has(name))
    .sort()
    .map((name) => `${name} is not a variable of pgsteward and has no effect; docs/configuration.md lists them all`);
}

function thisMachine(): Machine {
  // There is no getuid on Windows, where services run in containers only.
  return { platform: process.platform, uid: process.getuid?.() ?? 0, workingDirectory: process.cwd() };
}
