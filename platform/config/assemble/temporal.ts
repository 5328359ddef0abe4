import type { Config } from '../config.ts';
import { LOOPBACK } from '../loopback.ts';
import type { OptionValues } from '../parse-options.ts';

/** Of the Temporal development server. */
const UI_PORT = 8233;

/** Temporal, of what is set. */
export function temporalOf(set: OptionValues, path: (value: string) => string): Config['temporal'] {
  return {
    namespace: set.TEMPORAL_NAMESPACE ?? 'default',
    server: temporalServerOf(set, path),
    codecPort: set.PGSTEWARD_CODEC_PORT ?? 8234,
    uiOrigins:
      set.PGSTEWARD_TEMPORAL_UI_ORIGINS ??
      [LOOPBACK, 'localhost'].map((name) => `http://${name}:${set.PGSTEWARD_TEMPORAL_UI_PORT ?? UI_PORT}`),
    retentionDays: set.PGSTEWARD_TEMPORAL_RETENTION_DAYS ?? 7,
    ...(set.PGSTEWARD_TEMPORAL_METRICS_LISTEN === undefined
      ? {}
      : { metricsListen: set.PGSTEWARD_TEMPORAL_METRICS_LISTEN }),
  };
}

function temporalServerOf(set: OptionValues, path: (value: string) => string): Config['temporal']['server'] {
  if (set.TEMPORAL_ADDRESS !== undefined) {
    const { address, port } = set.TEMPORAL_ADDRESS;
    const tls = temporalTlsOf(set, path);
    return {
      kind: 'existing',
      address: `${address.includes(':') ? `[${address}]` : address}:${port}`,
      ...(tls !== undefined && { tls }),
      ...(set.TEMPORAL_API_KEY_FILE !== undefined && { apiKeyFile: path(set.TEMPORAL_API_KEY_FILE) }),
    };
  }
  return {
    kind: 'development',
    port: set.PGSTEWARD_TEMPORAL_PORT ?? 7233,
    uiPort: set.PGSTEWARD_TEMPORAL_UI_PORT ?? UI_PORT,
    ...(set.TEMPORAL_CLI_PATH === undefined ? {} : { cliPath: path(set.TEMPORAL_CLI_PATH) }),
  };
}

type ExistingTemporal = Extract<Config['temporal']['server'], { kind: 'existing' }>;

/** An API key is a secret: it is not sent in the clear unless somebody says so. */
function temporalTlsOf(set: OptionValues, path: (value: string) => string): ExistingTemporal['tls'] {
  const {
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: caFile,
    TEMPORAL_TLS_SERVER_NAME: serverName,
    TEMPORAL_TLS_CLIENT_CERT_PATH: certFile,
    TEMPORAL_TLS_CLIENT_KEY_PATH: keyFile,
  } = set;
  const mentioned = [caFile, serverName, certFile, set.TEMPORAL_API_KEY_FILE].some((each) => each !== undefined);
  if (!(set.TEMPORAL_TLS ?? mentioned)) return undefined;
  return {
    ...(caFile !== undefined && { caFile: path(caFile) }),
    ...(serverName !== undefined && { serverName }),
    ...(certFile !== undefined &&
      keyFile !== undefined && { client: { certFile: path(certFile), keyFile: path(keyFile) } }),
  };
}
