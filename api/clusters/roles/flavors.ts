import { databaseRequests, groupsRequest, type OwnRequest } from '../../../domain/clusters/flavor-requests.ts';
import { type FlavorFacts, realiseFlavors } from '../../../domain/clusters/realise-flavors.ts';
import { readFlavorFacts } from '../../../platform/target/catalog/flavors.ts';
import { type Caller, withoutKey } from '../../caller.ts';
import type { ServerApiDeps } from '../../deps.ts';
import { ApiError } from '../../errors.ts';
import { changeAllNow, changeNow } from '../../roles/change.ts';

/** Sees to it that roles of a server can have flavors. */
export interface FlavorKeeper {
  /** @throws ApiError 409 with the statement that a superuser has to run first */
  ensure(caller: Caller, serverName: string): Promise<void>;
  /** What the server said last, no longer ago than a moment. */
  facts(caller: Caller, serverName: string): Promise<FlavorFacts>;
}

/** How long what a server said counts: databases that are made meanwhile are seen to at the next request after that. */
const FRESH_MS = 2_000;
const ROUTE = 'flavors of cluster roles';

/** One per API process: callers that ask at the same time share what is asked of the server. */
export function createFlavorKeeper(deps: ServerApiDeps): FlavorKeeper {
  const known = new Map<string, { at: number; facts: Promise<FlavorFacts> }>();
  const underWay = new Map<string, Promise<void>>();

  function facts(caller: Caller, serverName: string): Promise<FlavorFacts> {
    const current = known.get(serverName);
    if (current !== undefined && performance.now() - current.at < FRESH_MS) return current.facts;
    const reading = read(deps, caller, serverName);
    known.set(serverName, { at: performance.now(), facts: reading });
    reading.catch(() => known.delete(serverName));
    return reading;
  }

  async function ensure(caller: Caller, serverName: string): Promise<void> {
    const realised = realiseFlavors(await facts(caller, serverName));
    if (!realised.ok) {
      // Somebody may run the statement now: the next request asks again.
      known.delete(serverName);
      throw new ApiError('flavors_unavailable', realised.message);
    }
    const { work } = realised;
    if (work.groups === undefined && work.databases.length === 0) return;
    const groups = groupsRequest(work);
    if (groups !== undefined) await changeNow(deps, withoutKey(caller), changeOf(serverName, groups));
    const changes = databaseRequests(work).map((request) => changeOf(serverName, request));
    const content = { serverName, work };
    const results = await changeAllNow(deps, withoutKey(caller), { route: ROUTE, content }, changes);
    known.delete(serverName);
    const failed = results.find((result) => result instanceof ApiError);
    if (failed !== undefined) throw failed;
  }

  return {
    facts,
    ensure(caller, serverName) {
      const current = underWay.get(serverName);
      if (current !== undefined) return current;
      const ensuring = ensure(caller, serverName).finally(() => underWay.delete(serverName));
      underWay.set(serverName, ensuring);
      return ensuring;
    },
  };
}

async function read(deps: ServerApiDeps, caller: Caller, serverName: string): Promise<FlavorFacts> {
  const server = await deps.targets.get(serverName);
  return readFlavorFacts(server, {
    applicationName: `pgsteward:${caller.requestId}`,
    doing: `asking server ${serverName} what flavors depend on`,
  });
}

function changeOf(serverName: string, { document, options, detail }: OwnRequest) {
  return {
    serverName,
    document,
    options,
    detail,
    prefix: '',
    route: ROUTE,
    content: { serverName, document, options },
  };
}
