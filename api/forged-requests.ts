import { isIPv4 } from 'node:net';
import { createMiddleware } from 'hono/factory';
import type { ApiVariables } from './caller.ts';
import { ApiError } from './errors.ts';

/**
 * Keeps web pages from using a visitor's browser against the open loopback listener: requests that a page of another
 * origin sends are refused, and so are names for this address that nobody registered (DNS rebinding).
 */
export function refuseForgedRequests(options: { isRegisteredHost: (name: string) => Promise<boolean> }) {
  return createMiddleware<ApiVariables>(async (c, next) => {
    const host = c.req.header('Host') ?? new URL(c.req.url).host;
    const origin = c.req.header('Origin');
    const site = c.req.header('Sec-Fetch-Site');
    const fromElsewhere =
      (origin !== undefined && hostOf(origin) !== host.toLowerCase()) || site === 'cross-site' || site === 'same-site';
    if (fromElsewhere) throw new ApiError('forbidden', 'requests from web pages of another origin are refused');
    const name = hostname(host);
    if (!isLoopbackName(name) && !(await options.isRegisteredHost(name))) {
      throw new ApiError(
        'forbidden',
        `this server does not answer under the name "${name}": use localhost, a loopback address or the id of a registered host`,
      );
    }
    await next();
  });
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/** The name in a Host header, without port and brackets. */
function hostname(host: string): string {
  return host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
}

function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}
