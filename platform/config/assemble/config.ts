import { join, resolve } from 'node:path';
import { RETENTION_RULE_NAMES, RETENTION_RULES, type RetentionDays } from '../../../domain/retention/rules.ts';
import type { Config } from '../config.ts';
import { LOOPBACK } from '../loopback.ts';
import type { OptionValues } from '../parse-options.ts';
import { authOf, defaultAdminOf } from './access.ts';
import { hostPostgresOf } from './host.ts';
import { temporalOf } from './temporal.ts';

/** User `nonroot` of distroless images. */
const NONROOT_UID = 65532;

/** What defaults depend on. */
export interface Machine {
  platform: NodeJS.Platform;
  uid: number;
  workingDirectory: string;
}

/** Applies defaults to what is set. */
export function assembleConfig(set: OptionValues, machine: Machine): Config {
  const path = (value: string) => resolve(machine.workingDirectory, value);
  const home = path(set.PGSTEWARD_HOME ?? '.pgsteward');
  const hostId = set.PGSTEWARD_HOST_ID ?? 'host-1';
  const devAddress = set.PGSTEWARD_DEV_ADDRESS ?? LOOPBACK;
  const listen = set.PGSTEWARD_LISTEN ?? { address: devAddress, port: 3000 };
  return deepFreeze({
    home,
    listen: { address: listen.address, port: set.PGSTEWARD_PORT ?? listen.port },
    ...(set.PGSTEWARD_USERS_LISTEN === undefined ? {} : { usersListen: set.PGSTEWARD_USERS_LISTEN }),
    ...(set.PGSTEWARD_CLUSTERS_LISTEN === undefined ? {} : { clustersListen: set.PGSTEWARD_CLUSTERS_LISTEN }),
    clusters: { requestsPerMinute: set.PGSTEWARD_CLUSTERS_REQUESTS_PER_MINUTE ?? 3000 },
    ...(set.PGSTEWARD_TLS_CERT_FILE === undefined || set.PGSTEWARD_TLS_KEY_FILE === undefined
      ? {}
      : { tls: { certFile: path(set.PGSTEWARD_TLS_CERT_FILE), keyFile: path(set.PGSTEWARD_TLS_KEY_FILE) } }),
    auth: authOf(set, path),
    metadata: metadataOf(set, path),
    targetPort: set.PGSTEWARD_TARGET_PORT ?? 54321,
    devAddress,
    temporal: temporalOf(set, path),
    host: {
      id: hostId,
      addresses: set.PGSTEWARD_HOST_ADDRESSES ?? [...new Set([devAddress, LOOPBACK])],
      dataDir: path(set.PGSTEWARD_HOST_DATA_DIR ?? join(home, 'hosts', hostId)),
      runtime: set.PGSTEWARD_RUNTIME ?? 'auto',
      dockerNetwork: set.PGSTEWARD_DOCKER_NETWORK ?? (machine.platform === 'linux' ? 'host' : 'bridge'),
      serviceUid: set.PGSTEWARD_SERVICE_UID ?? (machine.uid === 0 ? NONROOT_UID : machine.uid),
      postgres: hostPostgresOf(set, path),
    },
    portRange: set.PGSTEWARD_PORT_RANGE ?? { first: 15000, last: 15999 },
    ...(set.PGSTEWARD_POSTGREST_IMAGE === undefined ? {} : { postgrestImage: set.PGSTEWARD_POSTGREST_IMAGE }),
    files: {
      codecKeyring: path(set.PGSTEWARD_CODEC_KEYRING_FILE ?? join(home, 'codec-keyring.json')),
      sealKeyring: path(set.PGSTEWARD_SEAL_KEYRING_FILE ?? join(home, 'seal-keyring.json')),
      joinToken: path(set.PGSTEWARD_JOIN_TOKEN_FILE ?? join(home, 'join-token')),
      adminToken: path(set.PGSTEWARD_ADMIN_TOKEN_FILE ?? join(home, 'admin-token')),
      auditAnchors: path(set.PGSTEWARD_AUDIT_ANCHOR_FILE ?? join(home, 'audit-anchors.jsonl')),
    },
    logLevel: set.PGSTEWARD_LOG_LEVEL ?? 'info',
    ...(set.PGSTEWARD_METRICS_LISTEN === undefined ? {} : { metricsListen: set.PGSTEWARD_METRICS_LISTEN }),
    ...(set.OTEL_EXPORTER_OTLP_ENDPOINT === undefined ? {} : { tracesEndpoint: set.OTEL_EXPORTER_OTLP_ENDPOINT }),
    taskTimeoutMs: (set.PGSTEWARD_TASK_TIMEOUT_SECONDS ?? 600) * 1000,
    drainMs: (set.PGSTEWARD_DRAIN_SECONDS ?? 10) * 1000,
    reconcileIntervalMs: (set.PGSTEWARD_RECONCILE_SECONDS ?? 15) * 1000,
    monitor: {
      intervalMs: (set.PGSTEWARD_MONITOR_SECONDS ?? 10) * 1000,
      graceMs: (set.PGSTEWARD_MONITOR_GRACE_SECONDS ?? 30) * 1000,
    },
    auditSealIntervalMs: (set.PGSTEWARD_AUDIT_SEAL_SECONDS ?? 10) * 1000,
    retention: { intervalMs: (set.PGSTEWARD_RETENTION_MINUTES ?? 60) * 60_000, days: retentionDays(set) },
    failoverIntervalMs: (set.PGSTEWARD_FAILOVER_SECONDS ?? 5) * 1000,
    driftIntervalMs: (set.PGSTEWARD_DRIFT_SECONDS ?? 10) * 1000,
    notifyIntervalMs: (set.PGSTEWARD_NOTIFY_SECONDS ?? 5) * 1000,
    allowedRoles: set.PGSTEWARD_ALLOWED_ROLES ?? [],
    ...defaultAdminOf(set, path),
    handover: { hours: set.PGSTEWARD_HANDOVER_HOURS ?? 24, publicUrl: set.PGSTEWARD_PUBLIC_URL ?? null },
    leases: {
      perServer: set.PGSTEWARD_LEASES_PER_SERVER ?? 10_000,
      perHolder: set.PGSTEWARD_LEASES_PER_HOLDER ?? 10_000,
      waiting: set.PGSTEWARD_LEASES_WAITING ?? 400,
      attempts: set.PGSTEWARD_LEASE_ATTEMPTS ?? 8,
    },
    consumersDir: set.PGSTEWARD_CONSUMERS_DIR === undefined ? null : path(set.PGSTEWARD_CONSUMERS_DIR),
    groupRefreshMs: (set.PGSTEWARD_GROUP_REFRESH_MINUTES ?? 60) * 60_000 || null,
  });
}

function retentionDays(set: OptionValues): RetentionDays {
  const days = RETENTION_RULE_NAMES.map((name) => {
    const { setting, defaultDays } = RETENTION_RULES[name];
    return [name, (set[setting] ?? defaultDays) || null];
  });
  return Object.fromEntries(days) as RetentionDays;
}

function metadataOf(set: OptionValues, path: (value: string) => string): Config['metadata'] {
  if (set.PGSTEWARD_METADATA_URL === undefined) {
    return { kind: 'embedded', port: set.PGSTEWARD_METADATA_PORT ?? 54320 };
  }
  return {
    kind: 'existing',
    url: set.PGSTEWARD_METADATA_URL,
    ...(set.PGSTEWARD_METADATA_PASSWORD_FILE === undefined
      ? {}
      : { passwordFile: path(set.PGSTEWARD_METADATA_PASSWORD_FILE) }),
  };
}

function deepFreeze<Value extends object>(value: Value): Readonly<Value> {
  for (const each of Object.values(value)) {
    if (typeof each === 'object' && each !== null) {
      deepFreeze(each);
    }
  }
  return Object.freeze(value);
}
