/** One message to a receiver that an administrator defined. */
export interface JsonPost {
  url: string;
  /** As it is sent, so that it can be signed. */
  body: string;
  /** The same for each attempt. */
  deliveryId: string;
  headers?: Record<string, string>;
  /** Bound of the whole exchange. */
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Posts JSON to a webhook. Redirects are not followed: the URL was defined by an administrator, and another one was not (R16).
 * @throws what `fetch` throws, which may hold the URL: never to be shown
 */
export function postJson(post: JsonPost): Promise<Response> {
  return fetch(post.url, {
    method: 'POST',
    redirect: 'manual',
    headers: {
      'Content-Type': 'application/json; charset=utf-8',
      'User-Agent': 'pgsteward',
      'X-Pgsteward-Delivery': post.deliveryId,
      ...post.headers,
    },
    body: post.body,
    signal: AbortSignal.any([post.signal, AbortSignal.timeout(post.timeoutMs)]),
  });
}
