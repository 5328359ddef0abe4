/**
 * Every way in which a step can fail, as one closed table.
 *
 * A failure has a type (kept readable in Temporal histories and metrics), says whether trying again can help, and
 * carries a sentence that a person can act on. Messages never contain secrets: they are shown in task errors, task
 * logs and the Temporal UI.
 */
export const FAILURES = {
  /** The task was superseded, cancelled or is unknown: nothing may be changed on its behalf (R9). */
  StaleTask: { retryable: false },
  /** The request or its stored form asks for something impossible. */
  InvalidSpec: { retryable: false },
  /** A role, database or object of that name exists and is not ours. */
  NameConflict: { retryable: false },
  /** A role of a cluster exists on its server and was made by somebody else. */
  RoleConflict: { retryable: false },
  /** The rule set (R1, R5, R10) forbids touching this object. */
  NotAllowed: { retryable: false },
  /** Schemas or roles that the service needs do not exist. */
  PreflightFailed: { retryable: false },
  /** A statement of `scripts` was refused by the server. */
  ScriptFailed: { retryable: false },
  /** PostgreSQL refused a statement for good (syntax, missing right, missing object). */
  SqlRefused: { retryable: false },
  /** The state of the server is no longer the one that the caller's plan was made for; nothing was changed. */
  PlanChanged: { retryable: false },
  /** A document names something that the server does not have. */
  DocumentInvalid: { retryable: false },
  /** What was applied is there, but a second look differs from what was asked; the message says where. */
  VerificationFailed: { retryable: false },
  /** A role was given a password, and a login with it was refused. */
  LoginNotProven: { retryable: false },
  /** A server wants another authentication than SCRAM, and TLS does not prove who it is (R4). */
  InsecureLogin: { retryable: false },
  /** Two endpoints of a server take writes: nothing is changed until one of them is fenced (R20). */
  TwoPrimaries: { retryable: false },
  /** PostgreSQL cannot be reached, is starting up, or is out of resources. */
  ServerUnavailable: { retryable: true },
  /** A lock, a deadlock or a concurrent catalog update: the same statement succeeds later. */
  Contention: { retryable: true },
  /** No worker of the host takes its tasks. */
  HostUnavailable: { retryable: true },
  /** The container engine does not answer. */
  EngineUnavailable: { retryable: true },
  /** The service image is not on the host and can neither be pulled nor built there. */
  ImageUnavailable: { retryable: true },
  /** Another process listens on a port that the service needs. */
  PortInUse: { retryable: false },
  /** The version is not in the version table. */
  UnsupportedVersion: { retryable: false },
  /** The service was started but gave no usable answer within its bound. */
  ServiceNotReady: { retryable: false },
  /** A second live worker asked for a host id that is taken, or the join token does not match (R12). */
  JoinRefused: { retryable: false },
  /** A receiver of notifications does not want a message, and would not want it later. */
  NotificationRefused: { retryable: false },
  /** A receiver of notifications cannot be reached, or asks for patience. */
  ReceiverUnavailable: { retryable: true },
  /** Environment, a key file or a token file is missing, malformed or readable by others. Raised at start. */
  ConfigurationInvalid: { retryable: false },
  /** The key that a secret was sealed with is not in this process's keyring; once it is added, the same step succeeds. */
  KeyUnavailable: { retryable: true },
  /** A sealed secret was altered, or was sealed for something else. */
  SecretUnreadable: { retryable: false },
  /** Anything not foreseen; the cause is in the process log under the request or task id. */
  Unexpected: { retryable: true },
} as const satisfies Record<string, { retryable: boolean }>;

/** Name of a row of {@link FAILURES}. */
export type FailureType = keyof typeof FAILURES;

/** Facts about a failure that are safe to show: names, codes, ports, never values of secrets. */
export type FailureDetails = Record<string, string | number | boolean | string[]>;

/** A foreseen failure. Thrown by `platform`, `store` and `activities`; turned into an ApplicationFailure at the activity edge. */
export class Failure extends Error {
  readonly type: FailureType;
  readonly details: FailureDetails;
  /** When the next attempt makes sense, in milliseconds, where somebody said so; otherwise the step's policy decides. */
  readonly retryAfterMs: number | undefined;

  constructor(
    type: FailureType,
    message: string,
    options: { details?: FailureDetails; cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Failure';
    this.type = type;
    this.details = options.details ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Whether the same step can succeed when tried again. */
  get retryable(): boolean {
    return FAILURES[this.type].retryable;
  }
}

/** True for a string that names a row of {@link FAILURES}. */
export function isFailureType(value: unknown): value is FailureType {
  return typeof value === 'string' && Object.hasOwn(FAILURES, value);
}
