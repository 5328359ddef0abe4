import { inspect } from 'node:util';
import { DatabaseError } from 'pg';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../../domain/failures.ts';
import { createLogger, type LogLevel, temporalLogger } from '../../../platform/log.ts';
import { addToLogContext, withLogContext } from '../../../platform/log-context.ts';

describe('a log line', () => {
  test('is one JSON object with level, time, service and the context of its task', () => {
    const { log, lines } = captured();
    log.child({ taskId: 'task-1', requestId: 'request-1' }).info({ step: 'render' }, 'done');
    expect(lines()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        service: 'api',
        pid: process.pid,
        taskId: 'task-1',
        requestId: 'request-1',
        step: 'render',
        msg: 'done',
      },
    ]);
  });

  test('says on whose behalf it was written, through every wait, and no other line does', async () => {
    const { log, lines } = captured();
    const work = (requestId: string, taskId: string) =>
      withLogContext({ requestId }, async () => {
        log.info('asked');
        await Promise.resolve();
        addToLogContext({ taskId });
        await new Promise((resolve) => setImmediate(resolve));
        log.info('accepted');
        log.info({ taskId: 'another' }, 'about another');
      });
    await Promise.all([work('request-1', 'task-1'), work('request-2', 'task-2')]);
    addToLogContext({ taskId: 'of nobody' });
    log.info('alone');
    for (const number of ['1', '2']) {
      const ids = { requestId: `request-${number}`, taskId: `task-${number}` };
      expect(lines()).toContainEqual(expect.objectContaining({ msg: 'accepted', ...ids }));
      expect(lines()).toContainEqual(expect.objectContaining({ msg: 'about another', ...ids, taskId: 'another' }));
      const asked = expect.objectContaining({ msg: 'asked', requestId: ids.requestId });
      expect(lines()).toContainEqual(asked);
      expect(lines()).not.toContainEqual(expect.objectContaining({ msg: 'asked', taskId: ids.taskId }));
    }
    const alone = expect.objectContaining({ msg: 'alone' });
    expect(lines()).toContainEqual(alone);
    expect(lines()).not.toContainEqual(expect.objectContaining({ msg: 'alone', requestId: expect.anything() }));
    expect(lines()).not.toContainEqual(expect.objectContaining({ taskId: 'of nobody' }));
  });

  test('shows no secret of what it was written on behalf of', () => {
    const { log, text } = captured();
    withLogContext({ password: 'canary', taskId: 'task-1' }, () => log.info('x'));
    expect(text()).toContain('task-1');
    expect(text()).not.toContain('canary');
  });

  test('below the level is not written', () => {
    const { log, lines } = captured('warn');
    log.info('no');
    log.warn('yes');
    expect(lines()).toMatchObject([{ msg: 'yes' }]);
  });

  test.each(['password', 'jwt_secret', 'jwtSecret', 'authorization', 'x-api-key', 'token', 'secrets', 'verifier'])(
    'shows no %s, neither in its context nor at any depth, in any case or in a list',
    (name) => {
      const { log, text, lines } = captured();
      const secret = { [name]: 'canary' };
      const deep = { a: { b: { c: { d: { e: { f: secret } } } } } };
      log.info({ ...secret, a: { ...secret, b: secret }, list: [secret], deep, ok: 'shown' }, 'x');
      log.child({ ...secret, ok: 'shown' }).info({ headers: { [name.toUpperCase()]: 'canary' } }, 'y');
      expect(text()).not.toContain('canary');
      const redacted = { ok: 'shown', [name]: '[redacted]' };
      expect(lines()).toMatchObject([redacted, redacted]);
    },
  );

  test('shows the size of bytes in place of them, and ends where something refers to itself', () => {
    const { log, lines } = captured();
    const loop: { self?: unknown } = {};
    loop.self = loop;
    log.info(
      {
        bytes: Buffer.from('canary'),
        at: new Date(0),
        loop,
        instance: new (class Row {
          id = 1;
          password = 'x';
        })(),
      },
      'x',
    );
    expect(lines()).toMatchObject([
      {
        bytes: '[6 bytes]',
        at: '1970-01-01T00:00:00.000Z',
        loop: { self: { self: { self: { self: '[…]' } } } },
        instance: { id: 1, password: '[redacted]' },
      },
    ]);
  });
});

describe('a logged error', () => {
  test('shows the causes of a failure with their types and frames', () => {
    const { log, lines } = captured();
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });
    const cause = new AggregateError([refused], '');
    log.error({ err: new Failure('ServerUnavailable', 'no answer', { details: { port: 5432 }, cause }) }, 'failed');
    expect(lines()).toMatchObject([
      {
        msg: 'failed',
        err: {
          type: 'ServerUnavailable',
          message: 'no answer',
          details: { port: 5432 },
          stack: expect.arrayContaining([expect.stringMatching(/^at /)]),
          cause: { type: 'AggregateError', errors: [{ message: refused.message, code: 'ECONNREFUSED' }] },
        },
      },
    ]);
  });

  test.each([
    ['with a message', (err: Error) => [{ err }, 'failed'] as const],
    ['without one', (err: Error) => [{ err }] as const],
    ['alone', (err: Error) => [err] as const],
    ['as `error`, as the Temporal SDK does', (error: Error) => [{ error }, 'failed'] as const],
    ['anywhere else', (err: Error) => [{ attempts: [{ failure: err }] }, 'failed'] as const],
    ['as a cause', (cause: Error) => [{ err: new Error('outer', { cause }) }, 'failed'] as const],
  ])('of PostgreSQL shows code, severity and routine and no fragment of a statement: %s', (_, argumentsFor) => {
    const { log, text } = captured();
    const [first, message] = argumentsFor(statementError());
    log.error(first, message);
    expect(text()).not.toContain('canary');
    expect(text()).toMatch(/"code":"42601","severity":"ERROR","routine":"scanner_yyerror"/);
  });

  test('of PostgreSQL keeps its message where that can only name objects and limits', () => {
    const { log, lines } = captured();
    log.error({ err: databaseError('53300', 'sorry, too many clients already') });
    expect(lines()).toMatchObject([{ msg: 'sorry, too many clients already', err: { code: '53300' } }]);
  });

  test('of JSON.parse does not quote the document', () => {
    const { log, text } = captured();
    try {
      JSON.parse('canary');
    } catch (err) {
      expect(inspect(err)).toContain('canary');
      log.error({ err });
    }
    expect(text()).not.toContain('canary');
    expect(text()).toContain('"type":"SyntaxError"');
  });

  test('that is its own cause, or no error at all, is no obstacle', () => {
    const { log, lines } = captured();
    const err = new Error('loop');
    err.cause = err;
    log.error({ err });
    log.error({ err: { password: 'canary' } }, 'thrown');
    log.error({ err: undefined }, 'nothing');
    expect(lines()).toHaveLength(3);
    expect(lines()).toMatchObject([{ err: { cause: { message: 'loop' } } }, { err: { password: '[redacted]' } }, {}]);
  });
});

test('the Temporal runtime logs through ours, with its own context', () => {
  const { log, lines } = captured();
  const logger = temporalLogger(log);
  logger.warn('activity failed', { workflowId: 'w', error: statementError(), [Symbol('time')]: 1n });
  logger.log('INFO', 'started');
  logger.trace('hidden');
  expect(lines()).toMatchObject([
    { level: 'warn', msg: 'activity failed', workflowId: 'w', error: { code: '42601' } },
    { level: 'info', msg: 'started' },
  ]);
});

function captured(level: LogLevel = 'info') {
  const written: string[] = [];
  const log = createLogger({ level, service: 'api', destination: { write: (line) => void written.push(line) } });
  return {
    log,
    text: () => written.join(''),
    lines: () => written.map((line): Record<string, unknown> => JSON.parse(line)),
  };
}

function databaseError(code: string, message: string): DatabaseError {
  return Object.assign(new DatabaseError(message, message.length, 'error'), { severity: 'ERROR', code });
}

function statementError(): DatabaseError {
  return Object.assign(databaseError('42601', 'syntax error at or near "canary-message"'), {
    routine: 'scanner_yyerror',
    detail: 'canary-detail',
    hint: 'canary-hint',
    where: 'canary-where',
    internalQuery: "ALTER ROLE x PASSWORD 'canary-query'",
  });
}
