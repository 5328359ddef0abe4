import { setTimeout as delay } from 'node:timers/promises';

/** A request of a database that anybody may write to through its services. */
export function writableRequest(id: string, hosts: readonly string[], services: readonly string[] = hosts) {
  const name = id.replaceAll('-', '_');
  return {
    id,
    spec: {
      database_name: name,
      nodes: [{ name: 'n1', host_ids: [...hosts] }],
      database_users: [{ username: `${name}_app`, password: 'changeme', db_owner: true, attributes: ['LOGIN'] }],
      scripts: {
        post_init: [`CREATE ROLE ${name}_web NOLOGIN`],
        post_database_create: [
          'CREATE TABLE public.items (id bigserial PRIMARY KEY, note text)',
          `GRANT SELECT, INSERT ON public.items TO ${name}_web`,
          `GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${name}_web`,
        ],
      },
      services: [
        {
          service_id: 'api',
          service_type: 'postgrest',
          version: 'latest',
          host_ids: [...services],
          port: 0,
          connect_as: `${name}_app`,
          config: { db_anon_role: `${name}_web`, db_pool: 2 },
        },
      ],
    },
  };
}

/** Where a service answers. */
export interface ServiceUrl {
  hostId: string;
  url: string;
}

/** Services of a database as the API shows them. */
export function urlsOf(database: {
  service_instances: { host_id: string; status: { addresses: string[]; ports: { host_port: number }[] } }[];
}): ServiceUrl[] {
  return database.service_instances.map(({ host_id: hostId, status }) => ({
    hostId,
    url: `http://${status.addresses[0]}:${status.ports[0]?.host_port}`,
  }));
}

/** Writes a row through a service. A caller who waits longer than the bound gives up. @returns the HTTP status, 0 without one */
export async function write({ url }: ServiceUrl, note: string, boundMs = 3_000): Promise<number> {
  try {
    const response = await fetch(`${url}/items`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ note }),
      signal: AbortSignal.timeout(boundMs),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}

/** Writes until a write succeeds. @returns milliseconds since the call, and how many attempts failed */
export async function untilWritten(
  service: ServiceUrl,
  note: string,
  boundMs = 30_000,
): Promise<{ tookMs: number; failed: number }> {
  const began = performance.now();
  for (let failed = 0; ; failed += 1) {
    if ((await write(service, note)) === 201) return { tookMs: performance.now() - began, failed };
    if (performance.now() - began > boundMs) throw new Error(`${service.hostId} wrote nothing within ${boundMs} ms`);
    await delay(10);
  }
}
