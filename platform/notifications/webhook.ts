import { judgeConnection, judgeHttp, type Rejection } from '../../domain/notifications/answer.ts';
import { postJson } from '../post-json.ts';

/** A connection and an answer; Slack and Webex need well below a second. */
const TIMEOUT_MS = 15_000;
/** Enough for the one word that says what is wrong. */
const MOST_BODY_BYTES = 256;

/**
 * Posts JSON to an incoming webhook. Redirects are not followed: the URL was defined by an administrator, and another one
 * was not (R16). Neither the URL nor anything of the answer but its status is in what this says.
 * @returns why it was not taken; undefined when it was
 */
export async function postWebhook(post: {
  url: string;
  body: Record<string, unknown>;
  deliveryId: string;
  signal: AbortSignal;
}): Promise<Rejection | undefined> {
  try {
    const response = await postJson({ ...post, body: JSON.stringify(post.body), timeoutMs: TIMEOUT_MS });
    const retryAfter = response.headers.get('Retry-After');
    return judgeHttp({ status: response.status, retryAfter, body: await beginningOf(response), nowMs: Date.now() });
  } catch (error) {
    post.signal.throwIfAborted();
    return judgeConnection('the webhook', codeOf(error));
  }
}

/** The first bytes of an answer; a longer one is not read to its end. */
async function beginningOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return '';
  let bytes = Buffer.alloc(0);
  while (bytes.length < MOST_BODY_BYTES) {
    const { done, value } = await reader.read();
    if (done) return bytes.toString('utf8');
    bytes = Buffer.concat([bytes, value]);
  }
  await reader.cancel();
  return bytes.toString('utf8');
}

/** `fetch` hides what happened in the cause of its error. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'TimeoutError') return 'ETIMEDOUT';
  const code: unknown = Reflect.get(error.cause ?? error, 'code');
  return typeof code === 'string' ? code : undefined;
}
