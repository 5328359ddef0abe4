import { isIPv4 } from 'node:net';
import type { Context } from 'hono';
import { findHost } from '../store/hosts.ts';
import type { Way } from './caller.ts';
import type { ApiDeps } from './deps.ts';
import { ApiError } from './errors.ts';

/** What a browser adds to a request by itself, so that a page of somebody else could use it: nothing, or a Basic pair that it knows. */
const AMBIENT: ReadonlySet<Way> = new Set<Way>(['loopback', 'anonymous', 'basic']);

/**
 * Keeps web pages from using a visitor's browser: requests that a page of another origin sends are refused, and so are, on the
 * open loopback listener, names for this address that nobody registered (DNS rebinding). A token is never sent by a browser on
 * its own, so whoever brings one is believed.
 * @throws ApiError 403
 */
export async function refuseForgery(c: Context, from: Pick<ApiDeps, 'db' | 'access'> & { way: Way }): Promise<void> {
  if (!AMBIENT.has(from.way)) return;
  // What is for anyone anyway, on a listener that knows its callers.
  if (from.way === 'anonymous' && !from.access.open) return;
  const host = c.req.header('Host') ?? new URL(c.req.url).host;
  if (isFromElsewhere(c, host)) {
    throw new ApiError('forbidden', 'requests from web pages of another origin are refused');
  }
  const name = hostname(host);
  if (from.way === 'basic' || isLoopbackName(name) || (await findHost(from.db, name)) !== undefined) return;
  throw new ApiError(
    'forbidden',
    `this server does not answer under the name "${name}": use localhost, a loopback address or the id of a registered host`,
  );
}

/** Over plain HTTP browsers tell the site of a page by `Origin` or `Referer` only, and for images by `Referer`. */
function isFromElsewhere(c: Context, host: string): boolean {
  const site = c.req.header('Sec-Fetch-Site');
  if (site === 'cross-site' || site === 'same-site') return true;
  return [c.req.header('Origin'), c.req.header('Referer')].some(
    (page) => page !== undefined && hostOf(page) !== host.toLowerCase(),
  );
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
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
