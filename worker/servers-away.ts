import { isGrpcServiceError } from '@temporalio/client';
import { Failure } from '../domain/failures.ts';
import { isMetadataUnavailable } from '../store/metadata-errors.ts';
import type { Foreseen } from './activity-edge.ts';

/**
 * Of processes with a metadata database: while that or Temporal is away, a step is tried again for as long as its task may take,
 * like one whose target server is away.
 */
export const serversAway: Foreseen = (error) => {
  if (isMetadataUnavailable(error)) return away('the metadata database', error);
  return isTemporalUnavailable(error) ? away('Temporal', error) : undefined;
};

/** Codes of gRPC: DEADLINE_EXCEEDED and UNAVAILABLE. */
const AWAY: ReadonlySet<number> = new Set([4, 14]);

/** The client wraps what the connection says in errors of its own. */
function isTemporalUnavailable(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (isGrpcServiceError(at) && AWAY.has(at.code)) return true;
  }
  return false;
}

/** Errors of these kinds name addresses and states only. */
function away(what: string, error: unknown): Failure {
  const reason = error instanceof Error ? error.message : String(error);
  return new Failure('ServerUnavailable', `${what} does not answer: ${reason}`, { cause: error });
}
