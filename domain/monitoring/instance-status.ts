/** State of one service instance, as the published contract names it. */
export type ServiceState = 'creating' | 'running' | 'failed' | 'deleting';

/** What is known of an instance while it runs; the members of the contract's `status` are rendered from it. Times are RFC 3339. */
export interface InstanceStatus {
  containerId?: string;
  /** Full image reference. */
  image?: string;
  /** Addresses at which clients reach its host. */
  addresses?: string[];
  /** What the last look found; absent = nobody could tell. */
  healthy?: boolean;
  healthMessage?: string;
  /** When somebody last looked, or tried to. */
  checkedAt?: string;
  lastHealthyAt?: string;
  /** Last look that did not find it unhealthy: the grace of a failing instance counts from then. */
  graceFrom?: string;
  /** Until when the last look stands for now; nobody has looked since. Absent = it stands. */
  freshUntil?: string;
}
