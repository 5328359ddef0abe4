import { z } from 'zod';
import type { ChangeMode, ServiceBundle } from '../../../domain/services.ts';
import { launchSchema } from '../../../platform/runtime/launch-record.ts';
import type { ServiceLaunch } from '../../../platform/runtime/service-runtime.ts';
import type { Progress } from '../progress.ts';

/**
 * A change of an instance that is under way, or done and not yet final. Written before anything is touched: whatever a
 * crash leaves behind from then on is found again, and the state before is brought back.
 */
export interface ServiceChange {
  taskId: string;
  /** Epoch of the task that makes the change. */
  epoch: number;
  mode: ChangeMode;
  /** What the host's record said before; absent where there was no instance. */
  previous?: ServiceLaunch;
  next: ServiceLaunch;
  /** Milliseconds that a unit has to come to an end. */
  drainMs: number;
  /** What came of it; absent while it is under way. */
  done?: { readyAt: string; gapMs: number; killed: boolean };
}

export const changeSchema = z.object({
  taskId: z.string(),
  epoch: z.number().int(),
  mode: z.enum(['reload', 'replace']),
  previous: launchSchema.exactOptional(),
  next: launchSchema,
  drainMs: z.number(),
  done: z.object({ readyAt: z.string(), gapMs: z.number(), killed: z.boolean() }).exactOptional(),
}) satisfies z.ZodType<ServiceChange>;

/** A change and what it is made with. */
export interface ChangeWork extends Progress {
  change: ServiceChange;
  bundle: ServiceBundle;
  /** Whether what runs proves that PostgREST starts with the new files: then they are not checked once more. */
  isProven: boolean;
  /** Only the password changes, and it is known to log in: a process that ended over the former one is started again. */
  loginProven: boolean;
  /** See {@link ChangeServiceInput}. */
  readyTimeoutMs: number;
}
