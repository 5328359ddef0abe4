import { COMPLETED, eventNames, REVEALED } from './events.ts';

/** Everything that a message may say. Names, ids and times: there is no place in it for a secret. */
export interface NotificationFacts {
  /** Name of the event, such as `database.created`. */
  event: string;
  succeeded: boolean;
  /** ISO 8601. */
  at: string;
  actor: string;
  resource: string;
  environment: string | null;
  /** Address that the request came from. */
  source: string | null;
  taskId: string | null;
  requestId: string | null;
  /** Further names, by what they are. */
  names: Record<string, string[]>;
}

/** What a row of the audit log says of an outcome. */
export interface AuditedOutcome {
  at: Date;
  action: string;
  outcome: string;
  actor: string;
  resource: string;
  environment: string | null;
  source: string | null;
  taskId: string | null;
  requestId: string | null;
  /** Of a task, with what its acceptance says. */
  detail: Record<string, unknown>;
}

/**
 * Members of an audit row's detail that are names, and what a message calls them. Nothing else of a detail is sent: a message
 * leaves the installation, and is read by more people than the audit log.
 */
const NAMES: Readonly<Record<string, { label: string; like?: RegExp }>> = {
  database: { label: 'Database' },
  username: { label: 'User' },
  created: { label: 'Roles created' },
  passwords_set: { label: 'Passwords set for' },
  leftovers: { label: 'Left behind' },
  approval: { label: 'Approval' },
  policy: { label: 'Approval policy' },
  requester: { label: 'Asked for by' },
  roles: { label: 'Roles named' },
  // The name of an error, not its text.
  reason: { label: 'Reason', like: /^[a-z][a-z0-9_]{1,63}$/i },
};

/** Member of the detail of a task's acceptance that says what the caller asked for, where the task's own action says less. */
const OPERATION = 'operation';

/** Members of a detail that are used. */
export const USED_MEMBERS: readonly string[] = [...Object.keys(NAMES), OPERATION];

/** More of a list is only counted. */
const MOST_NAMES = 20;

/** What a message about an outcome may say, and the names that the event has. */
export function factsOf(row: AuditedOutcome): { facts: NotificationFacts; names: string[] } {
  const names = namesOf(row);
  const { actor, resource, environment, source, taskId, requestId } = row;
  const facts = {
    event: names[0],
    succeeded: row.outcome === COMPLETED || row.outcome === REVEALED,
    at: row.at.toISOString(),
    ...{ actor, resource, environment, source, taskId, requestId },
    names: namesIn(row.detail),
  };
  return { facts, names };
}

/** What was asked for comes first: who dropped a user has dropped a role, too. */
function namesOf(row: AuditedOutcome): [string, ...string[]] {
  const operation = row.detail[OPERATION];
  const own = eventNames(row);
  if (typeof operation !== 'string') return own;
  const [first, ...more] = eventNames({ ...row, action: operation });
  return [first, ...new Set([...more, ...own])];
}

function namesIn(detail: Record<string, unknown>): Record<string, string[]> {
  const found = Object.entries(NAMES).flatMap(([member, { label, like = /./ }]): [string, string[]][] => {
    const list = [detail[member]].flat().filter((name): name is string => typeof name === 'string' && like.test(name));
    if (list.length === 0) return [];
    const more = list.length - MOST_NAMES;
    return [[label, more > 0 ? [...list.slice(0, MOST_NAMES), `and ${more} more`] : list]];
  });
  return Object.fromEntries(found);
}
