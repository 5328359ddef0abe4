import type { ObservedServer, ParameterInfo } from '../observed.ts';

export type Parameter = ParameterInfo;

/**
 * Parameters that pg_settings does not show: `role` to nobody (GUC_NO_SHOW_ALL), the others only to whoever may read all
 * settings (GUC_SUPERUSER_ONLY, src/backend/utils/misc/guc_tables.c).
 */
const HIDDEN: ReadonlyMap<string, Parameter> = new Map([
  ['role', { context: 'user', isQuotedList: false }],
  ['dynamic_library_path', { context: 'superuser', isQuotedList: false }],
  ['session_preload_libraries', { context: 'superuser', isQuotedList: true }],
]);

/** Why parameters of a context cannot be set for a role. */
const FIXED_CONTEXTS: Readonly<Record<string, string>> = {
  internal: 'cannot be changed',
  postmaster: 'is set for the whole server, at its start',
  sighup: 'is set for the whole server',
  'superuser-backend': 'cannot be set for a role: it is fixed when a connection starts',
  backend: 'cannot be set for a role: it is fixed when a connection starts',
};

/** Of single transactions; a role has `default_transaction_…` instead. */
const PER_TRANSACTION = /^transaction_(?:isolation|read_only|deferrable)$/;

/** Names of parameters that no module defines: simple identifiers with dots between (valid_custom_variable_name). */
const CUSTOM_NAME = /^[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*(?:\.[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)+$/;

/** What the server knows of a parameter; undefined for one that no loaded module defines. */
export function parameterOf(observed: Pick<ObservedServer, 'parameters'>, name: string): Parameter | undefined {
  const key = name.toLowerCase();
  return observed.parameters.get(key) ?? HIDDEN.get(key);
}

/** Why the parameter cannot be set for a role at all, by anybody. */
export function parameterProblem(name: string, parameter: Parameter | undefined, version: string): string | undefined {
  if (parameter === undefined) {
    if (CUSTOM_NAME.test(name)) return undefined;
    return name.includes('.')
      ? `"${name}" is no name of a parameter: it must be simple identifiers with dots between`
      : `${version} has no parameter "${name}"`;
  }
  if (PER_TRANSACTION.test(name.toLowerCase())) {
    return `"${name}" belongs to a single transaction: set "default_${name.toLowerCase()}" instead`;
  }
  const reason = FIXED_CONTEXTS[parameter.context];
  return reason === undefined ? undefined : `parameter "${name}" ${reason}`;
}
