import { createHmac } from 'node:crypto';
import { Failure } from '../../domain/failures.ts';
import { postJson } from '../post-json.ts';

const TIMEOUT_MS = 15_000;

/** The header that signs a body: HMAC-SHA256 over `<time>.<body>`, so that an old message cannot be sent again unnoticed. */
const SIGNATURE_HEADER = 'X-Pgsteward-Signature';

function signature(signingKey: string, atSeconds: number, body: string): string {
  return `t=${atSeconds},v1=${createHmac('sha256', signingKey).update(`${atSeconds}.${body}`).digest('hex')}`;
}

/**
 * Posts a signed message to a consumer, which confirms with 2xx. Redirects are not followed, and neither the URL nor the answer is in
 * what this says (R16). @throws Failure NotificationRefused, ReceiverUnavailable
 */
export async function callConsumer(post: {
  name: string;
  url: string;
  signingKey: string;
  body: Record<string, unknown>;
  deliveryId: string;
  signal: AbortSignal;
}): Promise<void> {
  const body = JSON.stringify(post.body);
  const who = `webhook ${JSON.stringify(post.name)}`;
  let status: number;
  try {
    const { url, deliveryId, signal } = post;
    const headers = { [SIGNATURE_HEADER]: signature(post.signingKey, Math.floor(Date.now() / 1000), body) };
    const response = await postJson({ url, body, deliveryId, headers, timeoutMs: TIMEOUT_MS, signal });
    await response.body?.cancel();
    ({ status } = response);
  } catch {
    post.signal.throwIfAborted();
    throw new Failure('ReceiverUnavailable', `${who} does not answer`);
  }
  if (status >= 200 && status < 300) return;
  if (status >= 500 || status === 408 || status === 429) {
    throw new Failure('ReceiverUnavailable', `${who} answered ${status}`);
  }
  throw new Failure('NotificationRefused', `${who} refused the new password with ${status}`);
}
