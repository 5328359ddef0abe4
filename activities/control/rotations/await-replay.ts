import { setTimeout as delay } from 'node:timers/promises';
import { cancellationSignal } from '@temporalio/activity';
import { Failure } from '../../../domain/failures.ts';
import { label } from '../../../domain/replication/endpoints.ts';
import type { Endpoint } from '../../../platform/target/address.ts';
import { askReplication } from '../../../platform/target/replication.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';

const ASK_TIMEOUT_MS = 2_000;
const PAUSE_MS = { first: 5, longest: 250 };

/** Waits until a standby has replayed up to a position. @returns false when it has not within the bound */
export async function awaitReplay(
  server: TargetServer,
  endpoint: Endpoint,
  of: { position: number; withinMs: number },
): Promise<boolean> {
  const signal = cancellationSignal();
  const doing = `asking ${label(endpoint)} what it has replayed`;
  const session = { applicationName: 'pgsteward', doing, signal };
  const until = performance.now() + of.withinMs;
  for (let pauseMs = PAUSE_MS.first; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS.longest)) {
    const there = await server
      .onEndpoint(endpoint, session, (client) => askReplication(client, ASK_TIMEOUT_MS))
      .catch((error: unknown) => {
        signal.throwIfAborted();
        if (error instanceof Failure) return undefined;
        throw error;
      });
    if ((there?.position ?? -1) >= of.position) return true;
    if (performance.now() > until) return false;
    await delay(pauseMs, undefined, { signal });
  }
}
