import { adminListener } from './admin-listener.ts';
import type { PostgrestVersion } from './versions.ts';

/** Where PostgREST lies in its images. It is always named: the official image has a command only, others an entry point. */
export const POSTGREST_BINARY = '/bin/postgrest';

/** A health command of a container, in seconds as the published contract has them. */
export interface HealthCommand {
  /** Program and arguments; the image has no shell. */
  command: string[];
  startPeriodSeconds: number;
  intervalSeconds: number;
  timeoutSeconds: number;
  retries: number;
}

/**
 * The command that tells a container engine whether PostgREST is ready: `--ready`, since 14.0, which asks the admin
 * listener; so only where there is one. Undefined means that no command may run, also none of the image's own: on older
 * releases `--ready` fails, and would call the container unhealthy for ever (measured on 12.0.2).
 */
export function healthCommand(
  release: PostgrestVersion,
  of: { port: number; loopbackAlias?: string; conf: string },
): HealthCommand | undefined {
  if (!release.hasReadyCommand || adminListener(release, of) === undefined) return undefined;
  return {
    command: [POSTGREST_BINARY, '--ready', of.conf],
    startPeriodSeconds: 30,
    intervalSeconds: 10,
    timeoutSeconds: 5,
    retries: 3,
  };
}

/**
 * Log texts after which PostgREST ends: it never tries a login again that the server refused, and every restart is
 * another failed login. The same for every release.
 */
export const FATAL_LOGIN_TEXTS: readonly string[] = ['password authentication failed', 'no password supplied'];

/** Whether a log line tells of a login that was refused for good. */
export function isFatalLogin(line: string): boolean {
  return FATAL_LOGIN_TEXTS.some((text) => line.includes(text));
}
