import type { PostgrestVersion } from './versions.ts';

/** Where PostgREST's own admin listener is reached: from inside of the instance's network only. */
export interface AdminListener {
  host: string;
  port: number;
}

/**
 * PostgREST's own admin listener, where it can be had without showing it to anybody: the release binds it apart from the
 * API (since 13.0), and the instance has a loopback interface to itself (a container with its own network). It tells
 * schema and metrics to whoever connects, so on a loopback interface that is shared with the whole machine there is none,
 * and before 13.0 it would stand open beside the API. `/live`, `/ready` and reloads of every release are the admin
 * gateway's, which asks the API and reads the log; the container's health command is what this listener is for.
 */
export function adminListener(
  release: PostgrestVersion,
  view: { port: number; loopbackAlias?: string },
): AdminListener | undefined {
  const alone = view.loopbackAlias !== undefined;
  // The port belongs to the instance, and nothing else listens in its network; equal ports would be refused at its start.
  return release.adminListenerSeparate && alone ? { host: '127.0.0.1', port: view.port + 1 } : undefined;
}
