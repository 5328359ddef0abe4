/** How an operation ended, as its caller sees it: done, taken back as it was bound to be, or neither. */
export type End = 'ok' | 'undone' | 'failed';

/** What clients know of one kind of operation. */
export interface Tally extends Record<End, number> {
  latenciesMs: number[];
}

/** One operation that took long. */
export interface SlowOperation {
  kind: string;
  /** Task, or what it was about. */
  about: string;
  ms: number;
  endedAt: Date;
}

/** Longer than any of them takes without an outage. */
const SLOW_MS = 30_000;

/** A task that the API said it had accepted. */
export interface AcceptedTask {
  id: string;
  kind: string;
  /** Database, or server. */
  entity: string;
}

/** A password that was given to somebody last. */
export interface Login {
  user: string;
  password: string;
  database: string;
}

/** What the clients of a run have seen: the promises that the installation is held to at the end. */
export interface Journal {
  readonly tallies: ReadonlyMap<string, Tally>;
  readonly tasks: ReadonlyMap<string, AcceptedTask>;
  readonly logins: ReadonlyMap<string, Login>;
  readonly secrets: ReadonlySet<string>;
  /** Databases that ought to be there. */
  readonly databases: Set<string>;
  /** Ids of leases that were given. */
  readonly leases: Set<string>;
  readonly rotations: Map<string, { id: string; everySeconds: number; strategy: 'alternating' | 'in-place' }>;
  readonly violations: ReadonlyMap<string, number>;
  /** Logins that were tried while rotations went on. */
  readonly tried: { logins: number; unreachable: number; inPlaceRefused: number };
  readonly slow: SlowOperation[];
  /** Requests that were sent again. */
  retries: number;
  ended(operation: { kind: string; about: string; end: End; ms: number }): void;
  accepted(task: AcceptedTask): void;
  /** The password of a role from now on, in place of any earlier one. */
  handedOut(login: Login): void;
  gone(user: string): void;
  secret(text: string): void;
  /** Something that must not be. Equal ones are counted. */
  violation(text: string): void;
}

export function createJournal(): Journal {
  const tallies = new Map<string, Tally>();
  const tasks = new Map<string, AcceptedTask>();
  const logins = new Map<string, Login>();
  const secrets = new Set<string>();
  const violations = new Map<string, number>();
  const journal: Journal = {
    tallies,
    tasks,
    logins,
    secrets,
    violations,
    databases: new Set(),
    leases: new Set(),
    rotations: new Map(),
    tried: { logins: 0, unreachable: 0, inPlaceRefused: 0 },
    slow: [],
    retries: 0,
    ended({ kind, about, end, ms }) {
      const tally = tallies.get(kind) ?? { ok: 0, undone: 0, failed: 0, latenciesMs: [] };
      tally[end] += 1;
      tally.latenciesMs.push(ms);
      if (ms > SLOW_MS) journal.slow.push({ kind, about, ms, endedAt: new Date() });
      tallies.set(kind, tally);
    },
    accepted(task) {
      if (tasks.has(task.id)) journal.violation(`two requests were given the same task ${task.id} (${task.kind})`);
      tasks.set(task.id, task);
    },
    handedOut(login) {
      logins.set(login.user, login);
      secrets.add(login.password);
    },
    gone: (user) => void logins.delete(user),
    secret: (text) => void secrets.add(text),
    violation: (text) => void violations.set(text, (violations.get(text) ?? 0) + 1),
  };
  return journal;
}
