import { describe, expect, test } from 'vitest';
import { judgeHttp, judgeSmtp, type Rejection } from '../../../domain/notifications/answer.ts';
import { type SmtpConfig, smtpProblem, webhookProblem } from '../../../domain/notifications/channel.ts';

const NOW = Date.parse('2026-07-16T07:00:00Z');
const http = (status: number, retryAfter: string | null = null, body = '') =>
  judgeHttp({ status, retryAfter, body, nowMs: NOW });

describe('an answer of a webhook', () => {
  test.each([200, 201, 204])('%i is success', (status) => {
    expect(http(status, '60', 'whatever')).toBeUndefined();
  });

  test.each<[string, Rejection | undefined, Rejection]>([
    ['500 is tried again', http(500), { reason: 'the webhook answered 500', retry: true }],
    [
      '429 after as long as it says',
      http(429, '30'),
      { reason: 'the webhook answered 429', retry: true, retryAfterMs: 30_000 },
    ],
    [
      '503 at the time that it says',
      http(503, 'Thu, 16 Jul 2026 07:02:00 GMT'),
      { reason: 'the webhook answered 503', retry: true, retryAfterMs: 120_000 },
    ],
    [
      'a wish for days is cut',
      http(429, '999999'),
      { reason: 'the webhook answered 429', retry: true, retryAfterMs: 3_600_000 },
    ],
    ['a wish that is none counts for nothing', http(429, 'soon'), { reason: 'the webhook answered 429', retry: true }],
    [
      'a time that is over counts for nothing',
      http(429, 'Thu, 16 Jul 2026 06:00:00 GMT'),
      { reason: 'the webhook answered 429', retry: true },
    ],
    [
      '404 is final, with the word for it',
      http(404, null, 'no_service\n'),
      { reason: 'the webhook answered 404 (no_service)', retry: false },
    ],
    [
      '400 is final, and a page is not repeated',
      http(400, null, '<html>token=c4nary'),
      { reason: 'the webhook answered 400', retry: false },
    ],
    ['302 is final', http(302), { reason: 'the webhook answered 302, and redirects are not followed', retry: false }],
  ])('%s', (_what, judged, expected) => {
    expect(judged).toEqual(expected);
  });
});

describe('the end of a conversation with a mail server', () => {
  test.each<[Parameters<typeof judgeSmtp>[0], Rejection]>([
    [
      { responseCode: 535, code: 'EAUTH', response: '535 5.7.8 bad credentials c4nary' },
      { reason: 'the mail server refused the login (535 5.7.8)', retry: false },
    ],
    [
      { responseCode: 550, code: 'EENVELOPE', response: '550 no such user' },
      { reason: 'the mail server refused the message (550)', retry: false },
    ],
    [
      { responseCode: 451, code: 'EENVELOPE', response: '451 4.7.1 greylisted' },
      { reason: 'the mail server refused the message (451 4.7.1)', retry: true },
    ],
    [
      { responseCode: 454, code: 'ETLS' },
      { reason: 'the mail server refused TLS (454)', retry: true },
    ],
    [{ code: 'ECONNREFUSED' }, { reason: 'the mail server cannot be reached (ECONNREFUSED)', retry: true }],
    [{ code: 'EAUTH' }, { reason: 'the mail server offers no login that can be used', retry: false }],
    [{}, { reason: 'the mail server cannot be reached', retry: true }],
  ])('%j', (said, expected) => {
    expect(judgeSmtp(said)).toEqual(expected);
  });
});

describe('a webhook', () => {
  test.each([
    ['https://hooks.slack.com/services/T/B/X', false],
    ['http://127.0.0.1:8080/x', false],
    ['http://[::1]/x', false],
    ['http://localhost/x', false],
    ['http://hooks.internal/x', true],
  ])('may be %s', (url, allowInsecure) => {
    expect(webhookProblem(url, allowInsecure)).toBeUndefined();
  });

  test.each([
    ['http://hooks.slack.com/services/c4nary', /without TLS/],
    ['http://localhost.evil.example/c4nary', /without TLS/],
    ['http://127.0.0.1.evil.example/c4nary', /without TLS/],
    ['ftp://hooks.slack.com/c4nary', /must begin with https/],
    ['file:///c4nary', /must begin with https/],
    ['https://user:c4nary@hooks.slack.com/', /must not hold user and password/],
    ['c4nary', /must be a URL/],
    ['', /must be a URL/],
  ])('may not be %s, and the answer does not repeat it', (url, reason) => {
    const problem = webhookProblem(url, false);
    expect(problem?.message).toMatch(reason);
    expect(JSON.stringify(problem)).not.toContain('c4nary');
  });
});

describe('a mail server', () => {
  const config: SmtpConfig = {
    ...{ host: 'mail.example.com', port: 587, security: 'starttls', from: 'a@example.com', to: ['b@example.com'] },
    allowInsecure: false,
  };

  test('is spoken to with TLS, or is this machine, or an administrator allows it', () => {
    expect(smtpProblem(config, false)).toBeUndefined();
    expect(smtpProblem({ ...config, security: 'none' }, false)?.path).toBe('config.security');
    expect(smtpProblem({ ...config, security: 'none', host: '127.0.0.1' }, false)).toBeUndefined();
    expect(smtpProblem({ ...config, security: 'none', allowInsecure: true }, false)).toBeUndefined();
  });

  test('has both a user and a password, or neither', () => {
    expect(smtpProblem({ ...config, user: 'pgsteward' }, true)).toBeUndefined();
    expect(smtpProblem({ ...config, user: 'pgsteward' }, false)?.path).toBe('config.password');
    expect(smtpProblem(config, true)?.path).toBe('config.password');
  });
});
