import { byteLength, nameProblem, textProblem } from '../spec/text.ts';

/** Stands for every environment without a policy of its own; no environment is called so. */
export const EVERY_ENVIRONMENT = '*';

/** Bound of our own: the published API has none. */
const ENVIRONMENT_MAX_BYTES = 63;

/** Why a text cannot be the name of an environment. */
export function environmentProblem(env: string): string | undefined {
  if (env === '') return 'must not be empty';
  if (env === EVERY_ENVIRONMENT) return 'must not be "*", which stands for every environment';
  if (env !== env.trim()) return 'must not begin or end with white space';
  if (byteLength(env) > ENVIRONMENT_MAX_BYTES) return `must not exceed ${ENVIRONMENT_MAX_BYTES} bytes`;
  return textProblem(env);
}

/** Why a text cannot be the name of a database. Unlike for databases that are made here, every name that a server may have is taken. */
export function registeredDatabaseProblem(name: string): string | undefined {
  return nameProblem(name);
}
