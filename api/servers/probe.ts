import type { z } from '@hono/zod-openapi';
import { probeServer } from '../../platform/target/probe.ts';
import { findServer, recordProbe } from '../../store/servers.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import type { serverProbeSchema } from '../schemas/server.ts';
import { renderProbe } from './render.ts';
import { noSuchServer, requireServer } from './require-server.ts';

/** Above what connecting to an endpoint that is down takes; the answer is due well before clients give up. */
const PROBE_TIMEOUT_MS = 15_000;

/** Asks a registered server now, and keeps what it says of itself. A server that does not answer is an answer, too. */
export async function probeNow(
  deps: ApiDeps,
  caller: Caller,
  name: string,
): Promise<z.infer<typeof serverProbeSchema>> {
  await requireServer(deps, name);
  const server = await deps.targets.get(name);
  const { probe } = await probeServer(server, {
    applicationName: `pgsteward:${caller.requestId}`,
    doing: `probing server ${name}`,
    signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    statementTimeoutMs: PROBE_TIMEOUT_MS,
  });
  const { facts } = probe;
  const record = facts === null ? await findServer(deps.db, name) : await recordProbe(deps.db, { name, facts });
  if (record === undefined) throw noSuchServer(name);
  return renderProbe(record, probe);
}
