import type { z } from '@hono/zod-openapi';
import pLimit from 'p-limit';
import { Failure } from '../../../domain/failures.ts';
import { serverNamesFor } from '../../../domain/registry/server-names.ts';
import type { TargetAddress } from '../../../platform/target/address.ts';
import { inTransaction } from '../../../store/connection.ts';
import { findNameOfCluster, findServer, serversAtEach } from '../../../store/servers.ts';
import type { Caller } from '../../caller.ts';
import type { ApiDeps } from '../../deps.ts';
import type { importResultSchema } from '../../schemas/registry-import.ts';
import { tlsOf } from '../../servers/accept-register.ts';
import { factsOf, type InspectedServer, probeCandidate, storeRegistration } from '../../servers/register.ts';
import type { ImportOptions } from './read-body.ts';

/** What became of one address. */
export type ServerResult = z.infer<typeof importResultSchema>['servers'][number];

export interface Address {
  hostname: string;
  port: number;
}

export const addressKey = ({ hostname, port }: Address): string => `${hostname} ${port}`;

/** Servers that are asked at a time: each costs a socket and up to two time-outs of 5 s. */
const ASKED_AT_ONCE = 16;

const NO_CREDENTIALS =
  'no registered server has this address, and there are no credentials to register it with: send "admin", or set PG_ADMIN_USER and PG_ADMIN_PASS';
const NO_TIME = 'the server was not asked within the time of one import; import again';
const SETTINGS = { labels: {}, settings: { allowPlainTextPasswords: false } };

/** A standby of a cluster that may be registered; why it cannot be registered by itself. */
interface Standby {
  systemIdentifier: string;
  reason: string;
}

/**
 * The registered servers of addresses, by {@link addressKey}. One that is not registered is asked what it is and registered (R4:
 * an administrator asks for it, with credentials); one that does not answer is told, with the reason.
 * @param deadline ends the questions; what was not asked by then is told as such
 */
export async function findServers(
  deps: ApiDeps,
  caller: Caller,
  input: { addresses: readonly Address[]; options: ImportOptions; deadline: AbortSignal },
): Promise<Map<string, ServerResult>> {
  const { addresses, options, deadline } = input;
  const results = new Map<string, ServerResult>();
  const known = await serversAtEach(
    deps.db,
    addresses.map(({ hostname, port }) => ({ address: hostname, port })),
  );
  for (const { address: hostname, port, names } of known) {
    results.set(addressKey({ hostname, port }), registeredAt({ hostname, port }, names));
  }
  const atOnce = pLimit(ASKED_AT_ONCE);
  const unknown = addresses.filter((address) => !results.has(addressKey(address)));
  const found = await Promise.all(
    unknown.map((address) =>
      atOnce(async () => ({ address, is: await registerAt(deps, caller, { address, options, deadline }) })),
    ),
  );
  // After all others: the primary of a standby may have been in the same file.
  for (const { address, is } of found) {
    results.set(addressKey(address), 'result' in is ? is : await standbyAt(deps, address, is));
  }
  return results;
}

function registeredAt(address: Address, names: readonly string[]): ServerResult {
  const [server, ...others] = names;
  if (server !== undefined && others.length === 0) return { ...address, result: 'known', server };
  return failed(address, `the address is an endpoint of ${names.join(', ')}: name one of them as "server"`);
}

async function registerAt(
  deps: ApiDeps,
  caller: Caller,
  input: { address: Address; options: ImportOptions; deadline: AbortSignal },
): Promise<ServerResult | Standby> {
  const { address, options, deadline } = input;
  const admin = options.admin ?? deps.defaultAdmin;
  if (admin === undefined) return failed(address, NO_CREDENTIALS);
  const target: TargetAddress = {
    name: serverNamesFor(address).next().value,
    endpoints: [{ address: address.hostname, port: address.port }],
    maintenanceDb: options.maintenance_database,
    tls: tlsOf(options.tls),
    adminUser: admin.user,
    adminPassword: admin.password,
  };
  try {
    deadline.throwIfAborted();
    // One of its own for each, because each adds its listeners.
    const outcome = await probeCandidate(deps, target, AbortSignal.any([deadline]));
    const [endpoint] = outcome.probe.endpoints;
    if (endpoint?.state === 'standby' && endpoint.systemIdentifier !== null) {
      return { systemIdentifier: endpoint.systemIdentifier, reason: outcome.probe.problem ?? 'is a standby' };
    }
    const inspected = { address: target, facts: factsOf(target.name, outcome) };
    return await store(deps, caller, address, inspected);
  } catch (error) {
    if (error instanceof Failure) return failed(address, error.message);
    if (deadline.aborted) return failed(address, NO_TIME);
    throw error;
  }
}

/** Registers under the first name that is free; a cluster that is registered already, at another address, is that one. */
async function store(
  deps: ApiDeps,
  caller: Caller,
  address: Address,
  inspected: InspectedServer,
): Promise<ServerResult> {
  for (const name of serverNamesFor(address)) {
    const cluster = await findNameOfCluster(deps.db, inspected.facts.systemIdentifier);
    if (cluster !== undefined) return { ...address, result: 'known', server: cluster };
    if ((await findServer(deps.db, name)) !== undefined) continue;
    const named = { ...inspected, address: { ...inspected.address, name } };
    const server = await inTransaction(deps.db, (tx) =>
      storeRegistration(deps, tx, caller, { inspected: named, ...SETTINGS }),
    );
    if (server !== undefined) return { ...address, result: 'registered', server: name };
  }
  throw new Error('the names for servers have come to an end');
}

async function standbyAt(deps: ApiDeps, address: Address, is: Standby): Promise<ServerResult> {
  const server = await findNameOfCluster(deps.db, is.systemIdentifier);
  return server === undefined ? failed(address, is.reason) : { ...address, result: 'known', server };
}

function failed(address: Address, reason: string): ServerResult {
  return { ...address, result: 'failed', reason };
}
