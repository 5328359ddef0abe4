import { Failure } from '../domain/failures.ts';
import { isMetadataUnavailable } from '../store/metadata-errors.ts';
import type { Foreseen } from './activity-edge.ts';

/**
 * Of processes with a metadata database: while that is away a step is tried again for as long as its task may take, like one whose
 * target server is away.
 */
export const metadataAway: Foreseen = (error) =>
  isMetadataUnavailable(error)
    ? new Failure('ServerUnavailable', `the metadata database does not answer: ${reasonOf(error)}`, { cause: error })
    : undefined;

/** Errors of this kind name addresses and states only. */
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
