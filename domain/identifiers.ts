/**
 * Identifiers of the published contract: databases, tenants, hosts and services.
 * Rule: 1 to 36 characters, lower-case letters, digits and hyphens, starts and ends with a letter or digit, no double
 * hyphen (pgEdge Control Plane, "Identifier").
 */
const IDENTIFIER_PATTERN = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
export const IDENTIFIER_MAX_LENGTH = 36;
/** `len(database id) + len(service id)` may not exceed this, so that derived names stay below 63 bytes. */
export const DATABASE_AND_SERVICE_ID_MAX_LENGTH = 53;
export const IDENTIFIER_RULE =
  'must be 1 to 36 lower-case letters, digits and hyphens, start and end with a letter or digit, and have no double hyphen';

/** True when `value` satisfies the identifier rule of the contract. */
export function isIdentifier(value: string): boolean {
  return value.length > 0 && value.length <= IDENTIFIER_MAX_LENGTH && IDENTIFIER_PATTERN.test(value);
}

/** Id of one instance of a service: `{database}-{service}-{host}`, as clients of the contract parse it. */
export function serviceInstanceId(of: { databaseId: string; serviceId: string; hostId: string }): string {
  return `${of.databaseId}-${of.serviceId}-${of.hostId}`;
}

/** Temporal task queue of the control workers. */
export const CONTROL_TASK_QUEUE = 'control';

/** Temporal task queue that only the worker on this host polls. */
export function hostTaskQueue(hostId: string): string {
  return `host.${hostId}`;
}

/** Length of PostgreSQL's longest identifier in bytes (NAMEDATALEN - 1); longer names are silently cut by the server. */
export const POSTGRES_NAME_MAX_BYTES = 63;
