import type { z } from '@hono/zod-openapi';
import type { HostCheck } from '../../domain/services.ts';
import { type HostRecord, listHosts } from '../../store/hosts.ts';
import type { ApiDeps } from '../deps.ts';
import type { hostSchema } from '../schemas/host.ts';
import type { HostChecker } from './check.ts';
import { renderHost } from './render.ts';

/** Every host that has joined, asked now whether it is there. */
export type HostLister = () => Promise<z.infer<typeof hostSchema>[]>;

export function createHostLister(deps: Pick<ApiDeps, 'db'>, askHosts: HostChecker): HostLister {
  return async () => {
    const [hosts, checks] = await Promise.all([listHosts(deps.db), askHosts()]);
    return hosts.filter((host) => host.facts !== null).map((host) => renderHost(host, checkOf(checks, host)));
  };
}

/** What a host itself said, where it was asked and answered. */
export function checkOf(checks: HostCheck[] | undefined, host: HostRecord): HostCheck | undefined {
  return checks?.find((check) => check.hostId === host.id);
}
