import type { Rule } from '../context.ts';
import { listed } from '../problems.ts';

const HIGHEST_SERVICE_PORT = 65534;

/** Ports of services, of which each takes two: its own, and the next one for the admin gateway. */
export const portsRule: Rule = function* ({ spec: { services = [] } }) {
  const claims = new Map<string, Map<number, string[]>>();
  for (const [i, { port, host_ids: hosts }] of services.entries()) {
    if (port === undefined || port === 0) continue;
    const path = `services[${i}].port`;
    if (port > HIGHEST_SERVICE_PORT) {
      yield { path, message: `must not exceed ${HIGHEST_SERVICE_PORT}: the admin gateway listens on port + 1` };
    }
    for (const hostId of new Set(hosts)) {
      claim(claims, hostId, port, path);
      claim(claims, hostId, port + 1, `${path} + 1`);
    }
  }

  for (const [hostId, ports] of claims) {
    for (const [port, holders] of ports) {
      // Admin ports that meet do so because their main ports do, which is reported.
      if (holders.length < 2 || holders.every((holder) => holder.endsWith(' + 1'))) continue;
      const message = `duplicate ports allocated on host '${hostId}': '${port}' duplicated in: ${listed(holders)}`;
      yield { path: '', message };
    }
  }
};

function claim(claims: Map<string, Map<number, string[]>>, hostId: string, port: number, holder: string): void {
  const ports = claims.get(hostId) ?? new Map<number, string[]>();
  const holders = ports.get(port) ?? [];
  holders.push(holder);
  ports.set(port, holders);
  claims.set(hostId, ports);
}
