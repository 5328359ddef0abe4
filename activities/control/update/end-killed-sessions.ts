import type { ControlDeps } from '../deps.ts';
import { onEveryServer } from '../servers.ts';
import { endApplicationSessions } from '../sessions.ts';
import { performStep } from '../step.ts';
import type { TaskRef } from '../types.ts';

/** A service that was killed leaves its queries running: the server does not notice before they end. */
export function endKilledSessions(deps: ControlDeps, input: TaskRef & { applicationName: string }): Promise<void> {
  return performStep(deps, { ...input, step: 'endKilledSessions' }, async ({ work, session }) => {
    await onEveryServer(deps, work, (server) =>
      server.onMaintenance(session(`ending sessions of ${input.applicationName}`), (client) =>
        endApplicationSessions(client, { database: work.databaseName, applicationName: input.applicationName }),
      ),
    );
  });
}
