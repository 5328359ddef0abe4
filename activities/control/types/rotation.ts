import type { PlannedInstance, TaskFrame, TaskRef } from './task.ts';

/** An instance whose service logs in as the role of a rotation. */
export interface RotationInstance extends PlannedInstance {
  databaseId: string;
}

/** What a workflow needs to know of a run of a rotation: ids and flags, loaded from the accepted rows. */
export interface RotationPlan extends TaskFrame {
  instances: RotationInstance[];
  rotation: {
    strategy: 'in-place' | 'alternating';
    /** Whether files or PgBouncers are to be given the password. */
    tells: boolean;
    /** Whether webhooks are to be called. */
    calls: boolean;
    /** Past the point of no return: what is left only goes forward. */
    settled: boolean;
    /** How long the former login still works, in milliseconds. */
    graceMs: number;
    policy: 'keep' | 'drain' | 'end';
    drainMs: number;
  };
}

/** What became of a time of a schedule. */
export interface RotationTriggered {
  /** For people. */
  outcome: string;
  taskId?: string;
  /** Ask again after this long, in milliseconds; 0: it is over. */
  waitMs: number;
}

/** How far the rotation of a JWT key is. */
export type JwtRotationLook =
  | { state: 'waiting'; forMs: number; note: string }
  /** `end` is its state. */
  | { state: 'over'; end: string };

/** Runs of rotations of passwords and JWT keys. */
export interface RotationActivities {
  /** Accepts the run that a schedule wants, or says how long to wait. `giveUp`: records that it did not come about otherwise. */
  acceptRotation(input: {
    rotationId: string;
    triggerId: string;
    dueAt: string | null;
    giveUp: boolean;
  }): Promise<RotationTriggered>;
  /** Marks the run of a rotation running and loads its plan. */
  loadRotation(input: { taskId: string }): Promise<RotationPlan>;
  /** Bundles with the new password, by instance, each sealed to its host. */
  sealRotation(input: TaskRef): Promise<{ bundles: { instanceId: string; sealedBundle: string }[] }>;
  /** Makes the idle one of two logins act as the role, and opens it. @throws NameConflict, NotAllowed */
  prepareLogin(input: TaskRef): Promise<{ setAtMs: number; position: number }>;
  /** Sets the new verifier of the role itself. @throws NotAllowed */
  setRolePassword(input: TaskRef): Promise<{ setAtMs: number; position: number }>;
  /** Logs in on the primary, and on each standby once it has replayed the password. @throws LoginNotProven, VerificationFailed */
  proveRotation(input: TaskRef & { position: number }): Promise<void>;
  /** Gives files and PgBouncers the new password. @throws NotAllowed, ServerUnavailable */
  updateConsumers(input: TaskRef): Promise<void>;
  /** Tells webhooks of the new password. @throws NotificationRefused, ReceiverUnavailable */
  callWebhooks(input: TaskRef): Promise<void>;
  /** The point of no return: the new password is the current one. */
  publishRotation(input: TaskRef & { windowMs?: number; gapMs?: number }): Promise<void>;
  /** Nobody logs in under the former login any more. */
  retireLogin(input: TaskRef): Promise<void>;
  /** Ends the sessions of the former password, or only counts them. @returns how many are open @throws NotAllowed */
  endFormerSessions(input: TaskRef & { end: boolean }): Promise<{ open: number }>;
  /** Closes a successful run. */
  finishRotation(input: TaskRef): Promise<void>;
  /** Moves the rotation of a JWT key on as far as it can be moved now. */
  lookAtJwtRotation(input: { rotationId: string }): Promise<JwtRotationLook>;
}
