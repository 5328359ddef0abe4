/**
 * What came of an attempt to hand a message over, and whether another one can help. The sentences are ours: what a receiver
 * says may repeat what it was sent.
 */
export interface Rejection {
  reason: string;
  retry: boolean;
  /** The receiver's own wish, in milliseconds. */
  retryAfterMs?: number;
}

/** Longest pause that a receiver may ask for: beyond it, the message would come too late to be of use. */
const MOST_PAUSE_MS = 3_600_000;
/** Slack says in one word what is wrong: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors */
const ERROR_WORD = /^[a-z][a-z_]{1,40}$/;
/** Enhanced status code (RFC 3463). */
const ENHANCED_CODE = /\b[245]\.\d{1,3}\.\d{1,3}\b/;

/** What a mail server did not want, by nodemailer's code; a message unless it says otherwise. */
const REFUSED_BY_CODE: Readonly<Record<string, string>> = { EAUTH: 'the login', ETLS: 'TLS', ECONNECTION: 'to talk' };

/** The answer of a webhook. @returns undefined when it has taken the message */
export function judgeHttp(answer: {
  status: number;
  retryAfter: string | null;
  body: string;
  nowMs: number;
}): Rejection | undefined {
  const { status } = answer;
  if (status >= 200 && status < 300) return undefined;
  const word = ERROR_WORD.exec(answer.body.trim())?.[0];
  const reason = `the webhook answered ${status}${word === undefined ? '' : ` (${word})`}`;
  const pause = pauseOf(answer.retryAfter, answer.nowMs);
  if (status === 429 || status >= 500) {
    return { reason, retry: true, ...(pause === undefined ? {} : { retryAfterMs: pause }) };
  }
  return { reason: status < 400 ? `${reason}, and redirects are not followed` : reason, retry: false };
}

/** `Retry-After` in milliseconds: seconds, or a date. */
function pauseOf(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  const pause = /^\s*\d{1,9}\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(pause) && pause > 0 ? Math.min(pause, MOST_PAUSE_MS) : undefined;
}

/** Why a connection did not come about, or broke, by the code of Node's error. */
export function judgeConnection(to: string, code: string | undefined): Rejection {
  return { reason: `${to} cannot be reached${code === undefined ? '' : ` (${code})`}`, retry: true };
}

/**
 * The end of a conversation with a mail server (RFC 5321): 5xx is final, 4xx is not.
 * @param said.responseCode of the server; without one the connection failed
 * @param said.code of nodemailer or Node
 */
export function judgeSmtp(said: { responseCode?: number; code?: string; response?: string }): Rejection {
  const { responseCode, code } = said;
  if (responseCode === undefined) {
    // Nothing that the server offers can be used: it would offer the same the next time.
    if (code === 'EAUTH') return { reason: 'the mail server offers no login that can be used', retry: false };
    return judgeConnection('the mail server', code);
  }
  const enhanced = ENHANCED_CODE.exec(said.response ?? '')?.[0];
  const what = REFUSED_BY_CODE[code ?? ''] ?? 'the message';
  const reason = `the mail server refused ${what} (${responseCode}${enhanced === undefined ? '' : ` ${enhanced}`})`;
  return { reason, retry: responseCode < 500 };
}
