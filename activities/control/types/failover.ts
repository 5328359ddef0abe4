import type { ReplicationEndpoint } from '../../../domain/replication/endpoints.ts';
import type { HostStepReport, TaskFrame, TaskRef } from './task.ts';

/** What a workflow needs to know of a switchover. */
export interface SwitchoverPlan extends TaskFrame {
  /** Until its time, in milliseconds. */
  delayMs: number;
}

/** One of the two servers of a switchover: its host, and an order that only that host can open. */
export interface SwitchoverPart {
  hostId: string;
  /** Id of the PostgreSQL instance. */
  instanceId: string;
  sealedOrder: string;
}

/** Both servers of a switchover, and the services that are to be told. */
export interface SwitchoverOrders {
  primary: SwitchoverPart;
  candidate: SwitchoverPart;
  services: { hostId: string; instanceIds: string[] }[];
}

/** What is to be done after a look at the primary of one server. */
export interface GroupWork {
  serverName: string;
  /** Timeline of the primary that services are told of. */
  timeline: number;
  /** Where sessions are to be ended. */
  former?: ReplicationEndpoint;
  /** Services that are to be told. */
  services: { hostId: string; instanceIds: string[] }[];
  /** Former primaries that take changes again. */
  fence: ReplicationEndpoint[];
}

/** A former primary, and the timeline of the server that took over. */
export interface FormerPrimary {
  serverName: string;
  endpoint: ReplicationEndpoint;
  timeline: number;
}

/** Switchovers that are asked for, and promotions that are found. */
export interface FailoverActivities {
  /** Loads an accepted switchover, which may wait for its time. @throws StaleTask */
  loadSwitchover(input: { taskId: string }): Promise<SwitchoverPlan>;
  /**
   * Takes the database, checks that the candidate is a standby with everything but the last moments, and seals the orders of both
   * hosts. @throws Contention while another operation is under way, NotAllowed, ServerUnavailable, TwoPrimaries
   */
  checkSwitchover(input: { taskId: string }): Promise<SwitchoverOrders & { epoch: number }>;
  /** Waits until the candidate has replayed the last record of the primary. @throws VerificationFailed after a bound */
  awaitReplay(input: TaskRef & { position: number }): Promise<void>;
  /** Waits until the former primary receives from the new one. @throws VerificationFailed after a bound */
  awaitStandby(input: TaskRef): Promise<void>;
  /** Closes a successful switchover; the database gets its state back. */
  finishSwitchover(input: TaskRef & { hostSteps: HostStepReport[] }): Promise<void>;
  /** Orders for taking a switchover back, and whether the promotion has been begun; undefined where nothing was stopped. */
  planSwitchoverUndo(input: TaskRef): Promise<(SwitchoverOrders & { promotionBegun: boolean }) | undefined>;
  /** Records that the primary runs again, or that it follows after all. */
  noteSwitchoverUndone(input: TaskRef & { promoted: boolean }): Promise<void>;
  /** Looks where the primaries of servers with several endpoints are. @returns what is to be done because one has moved */
  lookAtPrimaries(input: Record<string, never>): Promise<{ work: GroupWork[] }>;
  /** Ends sessions of managed databases on a former primary that still has them. */
  leaveFormer(input: FormerPrimary): Promise<{ ended: boolean }>;
  /** Makes a former primary that takes changes again read-only, and ends the sessions of managed databases there (R20). */
  fenceFormer(input: FormerPrimary): Promise<{ fenced: boolean }>;
  /** Records that the services of a host know of a promotion. */
  noteHostTold(input: { serverName: string; hostId: string; timeline: number }): Promise<void>;
}
