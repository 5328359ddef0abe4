import { Client, type ConnectionLike, type WorkflowClientInterceptor } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { makeTelemetryFilterString, NativeConnection, Runtime } from '@temporalio/worker';
import type { Endpoint } from '../platform/config/config.ts';
import { type Log, temporalLogger } from '../platform/log.ts';
import { loadKeyring } from '../platform/secrets/keyring.ts';
import { createDataConverter } from '../platform/temporal/data-converter.ts';
import type { Frontend } from '../platform/temporal/frontend.ts';
import { requestHeader } from '../platform/temporal/request-header.ts';

/** One process's way to Temporal: a connection that workers and clients share. */
export interface TemporalSession {
  connection: NativeConnection;
  client: Client;
  namespace: string;
  dataConverter: DataConverter;
  close(): Promise<void>;
}

/**
 * Takes the Temporal runtime over: it logs through ours and leaves signals alone, because parts are stopped in an order.
 * Once per process, before the first connection.
 * @param metricsAt where the SDK serves metrics of its own; nowhere unless given
 */
export function installTemporalRuntime(log: Log, metricsAt?: Readonly<Endpoint>): void {
  Runtime.install({
    logger: temporalLogger(log),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
      ...(metricsAt === undefined ? {} : { metrics: { prometheus: { bindAddress: addressText(metricsAt) } } }),
    },
  });
}

function addressText({ address, port }: Readonly<Endpoint>): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Connects with the codec of the given keyring. A client on a worker's connection may have its runs started eagerly. */
export async function openTemporal(
  options: Frontend & {
    namespace: string;
    codecKeyringFile: string;
    /** Beside the one that tells runs of their requests. */
    interceptors?: readonly WorkflowClientInterceptor[];
  },
): Promise<TemporalSession> {
  const { namespace, codecKeyringFile, interceptors = [], ...frontend } = options;
  const dataConverter = createDataConverter({ keyring: await loadKeyring(codecKeyringFile), namespace });
  const connection = await NativeConnection.connect(frontend);
  const client = new Client({
    connection: connection as ConnectionLike,
    namespace,
    dataConverter,
    interceptors: { workflow: [requestHeader, ...interceptors] },
  });
  return { connection, client, namespace, dataConverter, close: () => connection.close() };
}
