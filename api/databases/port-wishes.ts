import type { DatabaseSpec } from '../../domain/spec/types.ts';

/** An instance that needs a port. */
export interface PortWish {
  serviceIndex: number;
  serviceId: string;
  hostId: string;
  /** False where the specification names no port. */
  published: boolean;
  /** Port that the specification names; without one, any of the control plane's range will do. */
  fixedPort?: number;
}

/** A port that an instance will get, with the admin port after it. */
export interface ChosenPort extends Omit<PortWish, 'fixedPort'> {
  port: number;
  /** Named in the specification, so that it cannot be exchanged for another one. */
  fixed: boolean;
}

/** Where the specification names the port. */
export function portPath({ serviceIndex }: { serviceIndex: number }): string {
  return `services[${serviceIndex}].port`;
}

/** What the instances of a specification need, in its order. */
export function wishesOf(spec: DatabaseSpec): PortWish[] {
  return (spec.services ?? []).flatMap((service, serviceIndex) =>
    service.host_ids.map((hostId) => ({
      serviceIndex,
      serviceId: service.service_id,
      hostId,
      published: service.port !== undefined,
      ...(service.port === undefined || service.port === 0 ? {} : { fixedPort: service.port }),
    })),
  );
}
