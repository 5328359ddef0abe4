import { ApiError } from '../errors.ts';

/** 404 for an environment that has neither databases nor a policy. */
export function noSuchEnvironment(name: string): ApiError {
  return new ApiError('not_found', `no environment found with the name ${JSON.stringify(name)}`);
}
