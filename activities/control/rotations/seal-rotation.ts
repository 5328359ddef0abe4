import { Failure } from '../../../domain/failures.ts';
import { sealForHost } from '../../../platform/secrets/host-envelope.ts';
import { listHosts } from '../../../store/hosts.ts';
import { announceSteps } from '../../../store/journal.ts';
import { listServers } from '../../../store/servers.ts';
import type { ControlDeps } from '../deps.ts';
import { openJwtSecrets, openServiceLogins } from '../passwords.ts';
import { buildBundle, requireHost } from '../services/seal-services.ts';
import { performRotationStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { consumingInstances } from './consuming-instances.ts';
import { openPending } from './secrets.ts';

/** Seals what each host of a service that logs in as the role needs to go over to the new password (R12). */
export function sealRotation(
  deps: ControlDeps,
  input: TaskRef,
): Promise<{ bundles: { instanceId: string; sealedBundle: string }[] }> {
  return performRotationStep(deps, { ...input, step: 'sealRotation' }, async ({ work }) => {
    const consumers = await consumingInstances(deps, work);
    const steps = consumers.map(({ instance }) => ({ step: 'changeService', target: instance.instanceId }));
    if (!(await announceSteps(deps.db, { ...input, steps }))) {
      throw new Failure('StaleTask', `task ${work.taskId} was superseded`);
    }
    if (consumers.length === 0) return { bundles: [] };
    const [hosts, password] = await Promise.all([listHosts(deps.db), openPending(deps, work)]);
    const bundles = await Promise.all(
      consumers.map(async ({ database, instance }) => {
        const [servers, jwtSecrets, logins] = await Promise.all([
          listServers(
            deps.db,
            database.nodes.map(({ serverName }) => serverName),
          ),
          openJwtSecrets(deps, database),
          openServiceLogins(deps, database),
        ]);
        logins.set(work.rotation.roleName, { user: work.run.login, password });
        const host = requireHost(hosts, instance);
        const payload = buildBundle({ deps, work: database, instance, host, servers, logins, jwtSecrets });
        const binding = { hostId: host.id, instanceId: instance.instanceId, taskId: work.taskId };
        const sealed = { publicJwk: host.publicKey, joinToken: deps.joinToken, binding, payload };
        return { instanceId: instance.instanceId, sealedBundle: await sealForHost(sealed) };
      }),
    );
    return { bundles };
  });
}
