/** What an audited outcome is called as an event. */
export interface EventWords {
  /** What it happened to. */
  subject: string;
  /** What was tried: what did not come of it is `<subject>.<attempt>_failed`. */
  attempt: string;
  /** What it is once it has been done: `<subject>.<done>`. */
  done: string;
}

const words = (subject: string, attempt: string, done: string): EventWords => ({ subject, attempt, done });

/**
 * Actions of the audit log whose event is not called after them word by word. Every other one is, by {@link eventWords}: an
 * action that somebody adds is an event at once.
 */
export const EVENT_WORDS: Readonly<Record<string, EventWords>> = {
  'database.jwt_rotation': words('database', 'jwt_rotation', 'jwt_key_added'),
  'database.jwt_retirement': words('database', 'jwt_retirement', 'jwt_key_retired'),
  'database.switchover': words('database', 'switchover', 'switched_over'),
  'server.apply_roles': words('roles', 'apply', 'applied'),
  'server.change_role': words('role', 'change', 'changed'),
  'server.drop_role': words('role', 'drop', 'dropped'),
  'server.check_drift': words('drift', 'check', 'checked'),
  'server.maintenance': words('server', 'maintenance_change', 'maintenance_changed'),
  'server.drift_policy': words('server', 'drift_policy_change', 'drift_policy_changed'),
  'server.managed_document': words('server', 'managed_document_change', 'managed_document_changed'),
  'drift.find': words('drift', 'find', 'found'),
  'drift.hold_back': words('drift', 'hold_back', 'held_back'),
  'approval.break_glass': words('approval', 'break_glass', 'break_glass_used'),
  'rotation.run': words('rotation', 'run', 'completed'),
  'user.reset': words('user', 'password_reset', 'password_reset'),
  'user.search_path': words('user', 'search_path_change', 'search_path_changed'),
  'user.grants': words('grant', 'change', 'changed'),
  'user.revokes': words('grant', 'change', 'changed'),
  'user.groups': words('grant', 'refresh', 'refreshed'),
};

/** Verbs whose participle is not made with `ed`. */
const IRREGULAR: Readonly<Record<string, string>> = {
  drop: 'dropped',
  put: 'put',
  read: 'read',
  reset: 'reset',
  set: 'set',
};

/** Names that actions and outcomes can have in a pattern: everything else becomes an underscore. */
const namely = (text: string): string => text.toLowerCase().replace(/[^a-z0-9_.]+/g, '_');

/** How the outcome of an action is spoken of. */
function eventWords(action: string): EventWords {
  const name = namely(action);
  const known = EVENT_WORDS[name];
  if (known !== undefined) return known;
  const at = name.lastIndexOf('.');
  const [subject, attempt] = at < 0 ? ['other', name] : [name.slice(0, at), name.slice(at + 1)];
  return words(subject, attempt, IRREGULAR[attempt] ?? participle(attempt));
}

function participle(verb: string): string {
  if (verb.endsWith('e')) return `${verb}d`;
  return /[^aeiou]y$/.test(verb) ? `${verb.slice(0, -1)}ied` : `${verb}ed`;
}

/** A row of the audit log that says how something ended. */
export interface Outcome {
  action: string;
  /** `completed`, or what came instead: `failed`, `canceled`, `refused`, …; `revealed` of a secret that was shown. */
  outcome: string;
  taskId: string | null;
}

export const COMPLETED = 'completed';
export const REVEALED = 'revealed';

/**
 * Names of the event that an outcome is, its own first. `database.create` that fails as a task is `database.create_failed`,
 * `database.failed` and `task.failed`: a channel that wants any of them gets it, once.
 */
export function eventNames({ action, outcome, taskId }: Outcome): [string, ...string[]] {
  const { subject, attempt, done } = eventWords(action);
  const end = namely(outcome);
  const ofTask = taskId === null ? [] : [`task.${end}`];
  if (end === COMPLETED) return [`${subject}.${done}`, ...ofTask];
  if (end === REVEALED) return [`${subject}.${attempt}_${end}`, `${subject}.${end}`];
  return [`${subject}.${attempt}_${end}`, `${subject}.${end}`, ...ofTask];
}

/** Name of the message that somebody asked for to see whether a channel works. */
export const TEST_EVENT = 'test';
