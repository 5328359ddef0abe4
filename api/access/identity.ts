import type { Caller } from '../caller.ts';
import { ApiError } from '../errors.ts';

/** Who a caller turned out to be. */
export type Identity = Pick<Caller, 'account' | 'accountId' | 'role' | 'scope' | 'tokenId' | 'tokenExpiresAt'> & {
  way: NonNullable<Caller['way']>;
};

/** Credentials that are not accepted. The message is for whoever has them. */
export class BadCredentials extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BadCredentials';
  }
}

const REALM = 'realm="pgsteward"';

/** Routes that HTTP Basic is accepted on: published clients of that family have nothing else. */
export function takesBasic(path: string): boolean {
  return path === '/api/v1' || path.startsWith('/api/v1/');
}

/** 401 with what the path would accept. */
export function unauthorized(path: string, message: string, options: { invalid?: boolean } = {}): ApiError {
  const bearer = `Bearer ${REALM}${options.invalid === true ? ', error="invalid_token"' : ''}`;
  return new ApiError('unauthorized', message, {
    headers: { 'WWW-Authenticate': takesBasic(path) ? `Basic ${REALM}, charset="UTF-8", ${bearer}` : bearer },
  });
}
