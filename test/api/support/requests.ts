import { seedRequest } from '../../support/specs.ts';

/** A request without services: accepted without asking a host, so that no worker need run. */
export function bareRequest(id: string, options: { databaseName?: string; user?: string; password?: string } = {}) {
  const { spec, ...request } = seedRequest({ id, port: 0, user: `${id.replaceAll('-', '_')}_app`, ...options });
  return { ...request, spec: { ...spec, services: [] } };
}
