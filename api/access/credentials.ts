import type { Context } from 'hono';

/** What a request came with to say who asks. */
export type Credentials =
  | { kind: 'none' }
  /** A token of this control plane or a JWT: from `Authorization: Bearer` or `X-API-Key`. */
  | { kind: 'bearer'; text: string }
  | { kind: 'basic'; user: string; password: string }
  | { kind: 'unreadable'; reason: string };

const SCHEMES: Readonly<Record<string, (text: string) => Credentials>> = {
  bearer: (text) => ({ kind: 'bearer', text }),
  basic: readBasic,
};

/** Reads the credentials of a request, without judging them. */
export function readCredentials(c: Context): Credentials {
  const authorization = c.req.header('Authorization');
  const apiKey = c.req.header('X-API-Key')?.trim();
  if (authorization === undefined) {
    return apiKey === undefined || apiKey === '' ? { kind: 'none' } : { kind: 'bearer', text: apiKey };
  }
  if (apiKey !== undefined) return unreadable('send Authorization or X-API-Key, not both');
  const [, scheme = '', text = ''] = /^(\S+) +(\S+) *$/.exec(authorization) ?? [];
  const read = SCHEMES[scheme.toLowerCase()];
  return read === undefined ? unreadable('Authorization has to be "Bearer <token>" or "Basic <pair>"') : read(text);
}

/** RFC 7617: the name ends at the first colon. */
function readBasic(text: string): Credentials {
  const pair = Buffer.from(text, 'base64').toString('utf8');
  const at = pair.indexOf(':');
  if (at < 0) return unreadable('Authorization: Basic has to be base64 of "<user>:<password>"');
  return { kind: 'basic', user: pair.slice(0, at), password: pair.slice(at + 1) };
}

function unreadable(reason: string): Credentials {
  return { kind: 'unreadable', reason };
}
