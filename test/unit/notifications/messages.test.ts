import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AuditedOutcome, factsOf } from '../../../domain/notifications/facts.ts';
import { mailOf } from '../../../domain/notifications/mail.ts';
import { messageOf } from '../../../domain/notifications/message.ts';
import { escapeSlack, slackPayload } from '../../../domain/notifications/slack.ts';
import { escapeWebex, webexPayload } from '../../../domain/notifications/webex.ts';

const origin = {
  deliveryId: '0199aaaa-0000-7000-8000-00000000000d',
  installationId: 'c0ffee00-0000-4000-8000-000000000001',
};

function outcome(change: Partial<AuditedOutcome> = {}): AuditedOutcome {
  return {
    at: new Date('2026-07-16T07:19:59.123Z'),
    action: 'database.create',
    outcome: 'failed',
    actor: 'ci',
    resource: 'database/storefront',
    environment: 'prod',
    source: '10.0.0.5',
    taskId: '0199aaaa-0000-7000-8000-000000000001',
    requestId: 'request-1',
    detail: {},
    ...change,
  };
}

const messageFor = (change: Partial<AuditedOutcome> = {}) => messageOf(factsOf(outcome(change)).facts, origin);
const everyForm = (change: Partial<AuditedOutcome>) => {
  const message = messageFor(change);
  return JSON.stringify([slackPayload(message), webexPayload(message), mailOf(message, origin)]);
};

describe('a message', () => {
  test('says what happened, of what, where, by whom, and which task knows more', () => {
    expect(messageFor({ detail: { leftovers: ['role app', 'database x'] } })).toEqual({
      event: 'database.create_failed',
      subject: 'database/storefront in prod',
      succeeded: false,
      lines: [
        ['Environment', 'prod'],
        ['Resource', 'database/storefront'],
        ['Left behind', 'role app, database x'],
        ['By', 'ci from 10.0.0.5'],
        ['At', '2026-07-16T07:19:59.123Z'],
        ['Task', '0199aaaa-0000-7000-8000-000000000001'],
        ['Request', 'request-1'],
      ],
      footer: `pgsteward ${origin.installationId}, delivery ${origin.deliveryId}`,
    });
  });

  test('has nothing of an audit row that is not known to be a name', () => {
    const detail = {
      password: 'c4nary',
      before: { secret: 'c4nary' },
      steps: ["ALTER ROLE app PASSWORD 'c4nary'"],
      error: 'near "c4nary"',
      created: ['app', { password: 'c4nary' }, 7],
      username: { password: 'c4nary' },
      reason: 'near "c4nary"',
    };
    expect(everyForm({ detail })).not.toContain('c4nary');
    expect(everyForm({ detail })).toContain('Roles created: app');
  });

  test('is about what was asked for, where a task does it in its own way', () => {
    const dropped = outcome({ action: 'server.drop_role', outcome: 'completed', detail: { operation: 'user.drop' } });
    expect(factsOf(dropped).names).toEqual(['user.dropped', 'task.completed', 'role.dropped']);
    expect(factsOf(dropped).facts.event).toBe('user.dropped');
  });

  test('counts what a long list has more', () => {
    const created = Array.from({ length: 25 }, (_, index) => `r${index}`);
    expect(Object.fromEntries(messageFor({ detail: { created } }).lines)['Roles created']).toMatch(/r19, and 5 more$/);
  });

  test('has values of one line and of a bounded length, whatever they hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        for (const [, value] of messageFor({ actor: text, resource: text, detail: { username: text } }).lines) {
          expect(value).not.toMatch(/[\r\n\0\u2028\u2029\u202e]/);
          expect(Array.from(value).length).toBeLessThanOrEqual(300);
        }
      }),
    );
  });
});

describe('Slack', () => {
  test.each([
    ['a & b', 'a &amp; b'],
    ['<!channel>', '&lt;!channel&gt;'],
    ['<https://evil.example|prod>', '&lt;https://evil.example|prod&gt;'],
    ['&lt;', '&amp;lt;'],
    ['shop_app*', 'shop_app*'],
  ])('sees %s as it is', (text, escaped) => {
    expect(escapeSlack(text)).toBe(escaped);
  });

  test('gets plain text in blocks that it accepts, and no markup of anybody', () => {
    const detail = Object.fromEntries(
      ['database', 'username', 'created', 'passwords_set', 'leftovers'].map((n) => [n, 'x']),
    );
    const payload = slackPayload(messageFor({ actor: '<!here> *bold*', detail }));
    expect(JSON.stringify(payload)).not.toMatch(/<|"type":"mrkdwn"/);
    expect(payload).toMatchObject({
      text: '⚠ database.create_failed: database/storefront in prod',
      mrkdwn: false,
      blocks: [{ type: 'section' }, { type: 'section' }, { type: 'context' }],
    });
    // biome-ignore lint/suspicious/noExplicitAny: a payload is looked into freely
    const fields = (payload.blocks as any)[1].fields;
    expect(fields.length).toBeLessThanOrEqual(10);
    expect(fields).toContainEqual({
      type: 'plain_text',
      text: 'By: &lt;!here&gt; *bold* from 10.0.0.5',
      emoji: false,
    });
  });
});

describe('Webex', () => {
  test.each([
    ['<@all>', '&lt;@all&gt;'],
    ['[prod](https://evil.example)', '\\[prod\\]\\(https\\://evil\\.example\\)'],
    ['a\\*b_c', 'a\\\\\\*b\\_c'],
    ['x & y', 'x &amp; y'],
  ])('sees %s as it is', (text, escaped) => {
    expect(escapeWebex(text)).toBe(escaped);
  });

  test('gets a list in which no value is markup', () => {
    const { markdown } = webexPayload(messageFor({ actor: '**x** <@all>', outcome: 'completed' }));
    expect(markdown).toContain('**database\\.created**: database/storefront in prod');
    expect(markdown).toContain('- By: \\*\\*x\\*\\* &lt;@all&gt; from 10\\.0\\.0\\.5');
  });
});

describe('a mail', () => {
  test('has no header that a value could have made', () => {
    const evil = 'app\r\nBcc: everybody@example.com\r\n\r\nDear all';
    const { subject, text, messageId } = mailOf(messageFor({ resource: evil, actor: evil }), origin);
    expect(subject).toBe('[pgsteward] database.create_failed app Bcc: everybody@example.com Dear all in prod');
    expect(text.split('\n').filter((line) => line.startsWith('Bcc'))).toEqual([]);
    expect(messageId).toBe(`<${origin.deliveryId}@${origin.installationId}.pgsteward>`);
  });

  test('has a subject of one line for any value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (resource) => {
        expect(mailOf(messageFor({ resource }), origin).subject).toMatch(/^\[pgsteward\] [^\r\n\0]{1,140}$/u);
      }),
    );
  });
});
