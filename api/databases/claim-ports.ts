import { serviceInstanceId } from '../../domain/identifiers.ts';
import type { Queryable } from '../../store/connection.ts';
import { insertInstances } from '../../store/instances.ts';
import { reservePorts } from '../../store/ports.ts';
import type { Caller } from '../caller.ts';
import { ApiError, invalidInput } from '../errors.ts';
import { heldPortProblem } from './choose-ports.ts';
import type { ChosenPort } from './port-wishes.ts';

/** A port that was chosen, not asked for, went to a concurrent request: another one may do. */
export class PortTaken extends ApiError {
  constructor() {
    super('unavailable', 'ports were taken by concurrent requests; try again', { headers: { 'Retry-After': '1' } });
  }
}

/**
 * Takes the ports and records the instances that get them.
 * @throws PortTaken, or ApiError for a port that was asked for by number or an instance id that is taken
 */
export async function claimPorts(
  tx: Queryable,
  create: {
    caller: Pick<Caller, 'scope'>;
    databaseId: string;
    ports: ChosenPort[];
    /** Instances that are on record already. */
    existing?: ReadonlySet<string>;
  },
): Promise<void> {
  const { databaseId, ports } = create;
  const held = await reservePorts(tx, { databaseId, claims: ports });
  const problems = ports.flatMap((port) => (port.fixed ? heldPortProblem(create.caller, port, held) : []));
  if (problems.length > 0) throw invalidInput(problems);
  if (held.length > 0) throw new PortTaken();

  const instances = ports.map(({ serviceId, hostId, port, published, serviceIndex }) => {
    return {
      id: serviceInstanceId({ databaseId, serviceId, hostId }),
      serviceId,
      hostId,
      port,
      published,
      serviceIndex,
    };
  });
  const added = instances.filter(({ id }) => !create.existing?.has(id));
  const taken = new Set(await insertInstances(tx, { databaseId, instances: added }));
  const collisions = instances
    .filter(({ id }) => taken.has(id))
    .map(({ id, serviceIndex }) => ({
      path: `services[${serviceIndex}].service_id`,
      message: `the instance ID "${id}" made of database, service and host belongs to another database; choose another service ID`,
    }));
  if (collisions.length > 0) throw invalidInput(collisions);
}
