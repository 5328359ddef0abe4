import { z } from 'zod';
import { Failure } from '../../../domain/failures.ts';
import type { PostgresOrder, PostgresOrderInput } from '../../../domain/replication/host-postgres.ts';
import type { HostPostgresConfig } from '../../../platform/config/config.ts';
import { readControlFile } from '../../../platform/local/control-file.ts';
import type { HostContext } from '../context.ts';

const orderSchema = z.object({
  instanceId: z.string(),
  taskId: z.uuid(),
  hostId: z.string(),
  systemIdentifier: z.string(),
  part: z.enum(['primary', 'candidate']),
  other: z.object({ address: z.string(), port: z.int() }),
  sslMode: z.enum(['disable', 'require', 'verify-ca', 'verify-full']),
  caCertificate: z.string().exactOptional(),
}) satisfies z.ZodType<PostgresOrder>;

/** Settings of the server that this worker may operate. */
export type ServerControl = NonNullable<HostPostgresConfig['control']>;

/**
 * Opens an order, and checks that it is for this host, for its part, and for the cluster in the data directory.
 * @throws Failure NotAllowed, InvalidSpec, and what opening throws
 */
export async function openOrder(
  context: HostContext,
  input: PostgresOrderInput,
  part?: PostgresOrder['part'],
): Promise<{ order: PostgresOrder; control: ServerControl }> {
  const control = context.postgres?.control;
  if (control === undefined) {
    throw new Failure('NotAllowed', `the worker of ${context.hostId} may not operate a PostgreSQL server`);
  }
  const parsed = orderSchema.safeParse(await context.openBundle(input.sealedOrder, input));
  if (!parsed.success)
    throw new Failure(
      'InvalidSpec',
      'the control plane sent an order that this host does not know: bring its worker to the same release',
    );
  const order = parsed.data;
  const meant =
    order.hostId === context.hostId && order.instanceId === input.instanceId && order.taskId === input.taskId;
  if (!meant || (part !== undefined && order.part !== part)) {
    throw new Failure('NotAllowed', 'the sealed order is meant for something else');
  }
  const { systemIdentifier } = await readControlFile(control.dataDir);
  if (systemIdentifier !== order.systemIdentifier) {
    throw new Failure(
      'NotAllowed',
      `${control.dataDir} on ${context.hostId} is cluster ${systemIdentifier}, not ${order.systemIdentifier}`,
    );
  }
  return { order, control };
}
