import { ApiError } from '../errors.ts';

/** 404 for a database that is not there. */
export function noSuchDatabase(): ApiError {
  return new ApiError('not_found', 'no database found with the given ID');
}
