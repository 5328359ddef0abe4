import { Client, type ConnectionLike } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { makeTelemetryFilterString, NativeConnection, Runtime } from '@temporalio/worker';
import { type Log, temporalLogger } from '../platform/log.ts';
import { loadKeyring } from '../platform/secrets/keyring.ts';
import { createDataConverter } from '../platform/temporal/data-converter.ts';

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
 */
export function installTemporalRuntime(log: Log): void {
  Runtime.install({
    logger: temporalLogger(log),
    shutdownSignals: [],
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} } },
  });
}

/** Connects with the codec of the given keyring. A client on a worker's connection may have its runs started eagerly. */
export async function openTemporal(options: {
  address: string;
  namespace: string;
  codecKeyringFile: string;
}): Promise<TemporalSession> {
  const dataConverter = createDataConverter({
    keyring: await loadKeyring(options.codecKeyringFile),
    namespace: options.namespace,
  });
  const connection = await NativeConnection.connect({ address: options.address });
  const client = new Client({
    connection: connection as ConnectionLike,
    namespace: options.namespace,
    dataConverter,
  });
  return { connection, client, namespace: options.namespace, dataConverter, close: () => connection.close() };
}
