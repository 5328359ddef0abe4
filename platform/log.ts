import type { Logger as TemporalLogger } from '@temporalio/common';
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import { logContext } from './log-context.ts';
import { safeMessage } from './log-errors.ts';
import { REDACTED, SECRET_NAMES, withoutSecrets } from './log-redaction.ts';

/** Writes lines of a level: facts first, then the message. Errors go under `err`. */
export interface Log extends Pick<Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'level' | 'flush'> {
  /** A logger that says in every line on whose behalf something happens. */
  child(context: LogContext): Log;
}

/** Flat, so that a secret has nowhere to hide; most often the id of a task or of a request. */
export type LogContext = { taskId?: string; requestId?: string; [name: string]: string | number | boolean | undefined };

/** Levels, from the one that writes most to the one that writes nothing. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Creates the logger of a process: one JSON object per line, to standard output unless `destination` says otherwise.
 *
 * Values under names such as `password` are replaced wherever they stand in what is logged, in the context of child loggers
 * too; see `withoutSecrets`. Errors, wherever they stand, are written by `describeError`. Each line says on whose behalf it was
 * written; see `withLogContext`.
 */
export function createLogger(options: { level: LogLevel; service: string; destination?: DestinationStream }): Log {
  return pino(
    {
      level: options.level,
      // What a line says itself comes before what the work under way is about.
      mixin: logContext,
      base: { service: options.service, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: withoutSecrets },
      // Pino's own would take a described error for one that is not described yet.
      serializers: { err: (described: unknown) => described },
      // For the bindings of child loggers, which no formatter sees. Pino's wildcard paths would serve for everything, at
      // 0.4 ms a line.
      redact: { paths: SECRET_NAMES.map((name) => `["${name}"]`), censor: REDACTED },
      hooks: {
        // Without a message pino takes that of the error, which the serializer may have had reasons to leave out.
        logMethod(args, method) {
          const [first, message] = args;
          const err = errorIn(first);
          method.apply(this, message === undefined && err !== undefined ? [first, safeMessage(err) ?? err.name] : args);
        },
      },
    },
    ...(options.destination === undefined ? [] : [options.destination]),
  );
}

/**
 * Lets the Temporal runtime log through ours: `Runtime.install({ logger: temporalLogger(log) })`. Its activity and workflow
 * loggers bring their own context (workflow id, run id, activity).
 */
export function temporalLogger(log: Log): TemporalLogger {
  const logger: TemporalLogger = {
    log: (level, message, meta) => log[TEMPORAL_LEVELS[level]](meta ?? {}, message),
    trace: (message, meta) => logger.log('TRACE', message, meta),
    debug: (message, meta) => logger.log('DEBUG', message, meta),
    info: (message, meta) => logger.log('INFO', message, meta),
    warn: (message, meta) => logger.log('WARN', message, meta),
    error: (message, meta) => logger.log('ERROR', message, meta),
  };
  return logger;
}

const TEMPORAL_LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

function errorIn(logged: unknown): Error | undefined {
  if (logged instanceof Error) {
    return logged;
  }
  const err: unknown = typeof logged === 'object' && logged !== null && 'err' in logged ? logged.err : undefined;
  return err instanceof Error ? err : undefined;
}
