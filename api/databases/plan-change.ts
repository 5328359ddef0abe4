import type { z } from '@hono/zod-openapi';
import { normalizeSpec } from '../../domain/spec/normalize.ts';
import { separateSecrets } from '../../domain/spec/secrets.ts';
import type { SpecRequest } from '../../domain/spec/types.ts';
import { decideInstances } from '../../domain/update/instances.ts';
import { decideUsers } from '../../domain/update/users.ts';
import { changedJwtSecrets, changedPasswords } from '../../store/secret-changes.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidInput } from '../errors.ts';
import type { changePlanSchema } from '../schemas/change-plan.ts';
import { judgeCreate } from './accept-create.ts';
import type { UpdateOptions } from './accept-update.ts';
import { choosePorts } from './choose-ports.ts';
import { judgeUpdate } from './judge-update.ts';
import { nextSecrets } from './next-secrets.ts';
import { instancesOf } from './record-update.ts';

type ChangePlan = z.infer<typeof changePlanSchema>;

/** What a create would do, judged like one that is meant. Nothing is stored or taken. */
export async function planCreate(
  deps: ApiDeps,
  caller: Caller,
  input: { databaseId: string; request: SpecRequest },
): Promise<ChangePlan> {
  const { conflicts } = await judgeCreate(deps, { caller, ...input });
  return planOf(deps, { caller, ...input, operation: 'create', conflicts, options: { force: false, removeHosts: [] } });
}

/** What an update would do, judged like one that is meant. Nothing is stored or taken. */
export async function planUpdate(
  deps: ApiDeps,
  caller: Caller,
  input: { databaseId: string; request: SpecRequest; options: UpdateOptions },
): Promise<ChangePlan> {
  const judged = await judgeUpdate(deps, { caller, ...input, removeHosts: input.options.removeHosts });
  const before = judged.database.provisioned ? { before: judged } : {};
  return planOf(deps, { caller, ...input, operation: 'update', conflicts: [], ...before });
}

async function planOf(
  deps: ApiDeps,
  input: {
    caller: Caller;
    databaseId: string;
    request: SpecRequest;
    operation: ChangePlan['operation'];
    options: UpdateOptions;
    conflicts: Parameters<typeof invalidInput>[0];
    before?: Awaited<ReturnType<typeof judgeUpdate>>;
  },
): Promise<ChangePlan> {
  const { databaseId, request, before, options } = input;
  const was = before === undefined ? {} : { before: { spec: before.database.spec, instances: before.instances } };
  const ports = await choosePorts(deps, { caller: input.caller, databaseId, spec: request.spec, ...was });
  const problems = [...input.conflicts, ...ports.problems];
  if (problems.length > 0) throw invalidInput(problems);
  const { publicSpec, secrets } = separateSecrets(request.spec);
  const versions = await nextSecrets(deps, deps.db, { databaseId, spec: publicSpec, secrets });
  const change = { previousSecrets: versions.previous, nextSecrets: versions.next };
  const next = normalizeSpec({ databaseId, spec: publicSpec });
  const running = before?.instances ?? [];
  const previous = before && normalizeSpec({ databaseId, spec: before.database.spec });
  const names = next.users.map(({ username }) => username);
  const passwords = changedPasswords(databaseId, names, change);
  const instances = decideInstances({
    previous: {
      spec: previous ?? { ...next, services: [] },
      instances: running.map(({ id: instanceId, ...instance }) => ({ instanceId, ...instance })),
    },
    next: {
      spec: next,
      instances: instancesOf(
        { databaseId, request, ports: ports.chosen },
        { before: before?.database.spec ?? publicSpec, running },
      ),
    },
    passwords,
    jwtSecrets: changedJwtSecrets(
      databaseId,
      [...next.services, ...(previous?.services ?? [])].map(({ serviceId }) => serviceId),
      change,
    ),
    force: options.force,
  });
  return {
    operation: input.operation,
    users: decideUsers({ previous, next, passwords }),
    services: instances.map(({ instanceId, serviceId, hostId, port, action, reasons }) => ({
      service_instance_id: instanceId,
      service_id: serviceId,
      host_id: hostId,
      port,
      action,
      reasons,
    })),
  };
}
