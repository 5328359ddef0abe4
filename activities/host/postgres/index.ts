import { join } from 'node:path';
import { Failure } from '../../../domain/failures.ts';
import { renderConninfo } from '../../../domain/replication/conninfo.ts';
import type {
  HostPostgresActivities,
  PostgresCondition,
  PostgresOrder,
  PostgresOrderInput,
} from '../../../domain/replication/host-postgres.ts';
import { readControlFile } from '../../../platform/local/control-file.ts';
import { createOperatedServer, type OperatedServer } from '../../../platform/local/operated-server.ts';
import { loginForReplication } from '../../../platform/local/replication-login.ts';
import type { HostContext } from '../context.ts';
import { assertNotEnded, endTask } from './ended-tasks.ts';
import { openOrder, type ServerControl } from './orders.ts';

/** What one piece of work on the server has at hand. */
interface Work {
  context: HostContext;
  order: PostgresOrder;
  control: ServerControl;
  server: OperatedServer;
}

/** All work on the server of this host takes turns under one name. */
const TURN = 'postgres';

/** The activities of {@link HostPostgresActivities}: what each does once its order is opened and it is its turn. */
export function createPostgresActivities(context: HostContext): HostPostgresActivities {
  const activity =
    (act: (work: Work) => Promise<void>, part?: PostgresOrder['part']) =>
    async (input: PostgresOrderInput): Promise<PostgresCondition> => {
      const { order, control } = await openOrder(context, input, part);
      const logFile = join(context.dataDir, 'postgres.log');
      const server = createOperatedServer({ ...control, logFile });
      return context.inTurn(TURN, async () => {
        await act({ context, order, control, server });
        return conditionOf(server, control);
      });
    };
  return {
    describePostgres: activity(async () => undefined),
    proveFollowing: activity(proveFollowing, 'primary'),
    stopPrimary: activity(stopPrimary, 'primary'),
    promoteStandby: activity(promoteStandby, 'candidate'),
    endPromotion: activity(({ order }) => endTask(context, order.taskId), 'candidate'),
    startPrimary: activity(startPrimary, 'primary'),
    startStandby: activity(startStandby, 'primary'),
  };
}

async function conditionOf(server: OperatedServer, { dataDir }: ServerControl): Promise<PostgresCondition> {
  const [running, signal, file] = await Promise.all([server.isRunning(), server.isStandby(), readControlFile(dataDir)]);
  const standby = running ? file.state === 'in recovery' : signal;
  return {
    running,
    standby,
    systemIdentifier: file.systemIdentifier,
    timeline: file.timeline,
    ...(!running && file.state === 'shut down' ? { shutdownPosition: file.checkpoint } : {}),
  };
}

async function proveFollowing({ context, order, control }: Work): Promise<void> {
  const { sslMode: mode, caCertificate } = order;
  const found = await loginForReplication({
    ...order.other,
    user: control.replicationUser,
    passfile: control.replicationPassfile,
    tls: { mode, ...(caCertificate === undefined ? {} : { caCertificate }) },
  });
  if (found === order.systemIdentifier) return;
  throw new Failure(
    'NotAllowed',
    `what ${context.hostId} would follow is cluster ${found}, not ${order.systemIdentifier}`,
  );
}

async function stopPrimary({ context, order, control, server }: Work): Promise<void> {
  await assertNotEnded(context, order.taskId);
  await server.stop();
  const { state } = await readControlFile(control.dataDir);
  if (state === 'shut down') return;
  throw new Failure(
    'NotAllowed',
    `the server on ${context.hostId} was no primary, or did not shut down in order (${state})`,
  );
}

/** Promoted already is success, whoever did it. */
async function promoteStandby({ context, order, control, server }: Work): Promise<void> {
  const { state } = await readControlFile(control.dataDir);
  if (state !== 'in production') {
    await assertNotEnded(context, order.taskId);
    await server.promote();
  }
  // A late attempt must not promote what a later switchover has made a standby again.
  await endTask(context, order.taskId);
}

async function startPrimary({ context, order, control, server }: Work): Promise<void> {
  await endTask(context, order.taskId);
  const { state } = await readControlFile(control.dataDir);
  // A shutdown that is still under way cannot be called off.
  if (state === 'shutting down') await server.stop();
  await server.standAlone();
  await server.start();
}

async function startStandby({ context, order, control, server }: Work): Promise<void> {
  await endTask(context, order.taskId);
  const { state } = await readControlFile(control.dataDir);
  if (state === 'in recovery' && (await server.isRunning())) return;
  await server.stop();
  const rootCertificate = join(context.dataDir, 'replication-ca.pem');
  if (order.caCertificate !== undefined) await server.writeFor(rootCertificate, order.caCertificate);
  await server.follow(
    renderConninfo({
      ...order.other,
      user: control.replicationUser,
      passfile: control.replicationPassfile,
      sslMode: order.sslMode,
      ...(order.caCertificate === undefined ? {} : { rootCertificate }),
      applicationName: context.hostId,
    }),
  );
  await server.start();
}
