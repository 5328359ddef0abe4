import type { Config } from './config.ts';
import { isLoopback } from './loopback.ts';
import type { OptionName } from './options.ts';
import type { OptionValues } from './parse-options.ts';

/** What is wrong with options taken together, one sentence each, starting with the name of a variable. */
export function findConflicts(set: OptionValues, config: Config): string[] {
  return [
    ...listenAddressProblems(config),
    ...halfOfPairs(set),
    ...lonePasswordFile(set),
    ...contradictingApiPorts(set),
    ...repeatedPorts(config),
    ...portsWithinRange(config),
    ...halfOfServerControl(set),
    ...halfOfAdminPair(set),
  ];
}

/** Listeners of the API that others than this machine reach, by the variables that name them. */
function publicListeners({ listen, usersListen, clustersListen }: Config): [variable: OptionName, address: string][] {
  const listeners: [OptionName, string | undefined][] = [
    ['PGSTEWARD_LISTEN', listen.address],
    ['PGSTEWARD_USERS_LISTEN', usersListen?.address],
    ['PGSTEWARD_CLUSTERS_LISTEN', clustersListen?.address],
  ];
  return listeners.flatMap(([variable, address]) =>
    address === undefined || isLoopback(address) ? [] : [[variable, address] satisfies [OptionName, string]],
  );
}

function listenAddressProblems(config: Config): string[] {
  if (config.auth.mode === 'required') return [];
  return publicListeners(config).map(
    ([variable, address]) =>
      `${variable}: ${address} is not a loopback address, and without credentials anybody who reaches it could change your databases; set PGSTEWARD_AUTH=required, or listen on 127.0.0.1 or [::1]`,
  );
}

/** What is allowed, and better known. */
export function findWarnings(config: Config): string[] {
  if (config.tls !== undefined) return [];
  return publicListeners(config).map(
    ([variable, address]) =>
      `${variable}: ${address} is reached without TLS, and tokens and passwords can be read on their way; set PGSTEWARD_TLS_CERT_FILE and PGSTEWARD_TLS_KEY_FILE, unless a proxy before it does so`,
  );
}

/** Variables that mean something only together. */
const TOGETHER = [
  ['PGSTEWARD_TLS_CERT_FILE', 'PGSTEWARD_TLS_KEY_FILE'],
  ['PGSTEWARD_TLS_KEY_FILE', 'PGSTEWARD_TLS_CERT_FILE'],
  ['TEMPORAL_TLS_CLIENT_CERT_PATH', 'TEMPORAL_TLS_CLIENT_KEY_PATH'],
  ['TEMPORAL_TLS_CLIENT_KEY_PATH', 'TEMPORAL_TLS_CLIENT_CERT_PATH'],
  ['TEMPORAL_TLS', 'TEMPORAL_ADDRESS'],
  ['TEMPORAL_API_KEY_FILE', 'TEMPORAL_ADDRESS'],
  ['PGSTEWARD_OIDC_ISSUER', 'PGSTEWARD_OIDC_AUDIENCE'],
  ['PGSTEWARD_OIDC_ISSUER', 'PGSTEWARD_OIDC_ROLES'],
  ['PGSTEWARD_OIDC_AUDIENCE', 'PGSTEWARD_OIDC_ISSUER'],
  ['PGSTEWARD_OIDC_CLAIM', 'PGSTEWARD_OIDC_ISSUER'],
  ['PGSTEWARD_OIDC_ROLES', 'PGSTEWARD_OIDC_ISSUER'],
  ['PG_API_PASS', 'PG_API_USER'],
  ['PG_API_PASS_FILE', 'PG_API_USER'],
] as const satisfies [OptionName, OptionName][];

function halfOfPairs(set: OptionValues): string[] {
  const halves = TOGETHER.filter(([name, other]) => set[name] !== undefined && set[other] === undefined).map(
    ([name, other]) => `${other}: is needed with ${name}`,
  );
  const { PG_API_USER: user, PG_API_PASS: pass, PG_API_PASS_FILE: file } = set;
  if (user !== undefined && pass === undefined && file === undefined) {
    halves.push('PG_API_PASS_FILE: is needed with PG_API_USER, or PG_API_PASS');
  }
  if (pass !== undefined && file !== undefined)
    halves.push('PG_API_PASS: is set beside PG_API_PASS_FILE; set only one');
  return [...new Set(halves)];
}

function lonePasswordFile(set: OptionValues): string[] {
  return set.PGSTEWARD_METADATA_PASSWORD_FILE !== undefined && set.PGSTEWARD_METADATA_URL === undefined
    ? ['PGSTEWARD_METADATA_PASSWORD_FILE: is set without PGSTEWARD_METADATA_URL, which it belongs to']
    : [];
}

function contradictingApiPorts({ PGSTEWARD_PORT: port, PGSTEWARD_LISTEN: listen }: OptionValues): string[] {
  return port !== undefined && listen !== undefined && port !== listen.port
    ? [`PGSTEWARD_PORT: is ${port}, but PGSTEWARD_LISTEN says ${listen.port}; set only one of them`]
    : [];
}

/** What a host worker needs to stop, start and promote the server of its host. */
const SERVER_CONTROL = [
  'PGSTEWARD_HOST_SERVER',
  'PGSTEWARD_HOST_POSTGRES_BIN_DIR',
  'PGSTEWARD_HOST_REPLICATION_USER',
  'PGSTEWARD_HOST_REPLICATION_PASSFILE',
] as const satisfies OptionName[];

function halfOfServerControl(set: OptionValues): string[] {
  if (set.PGSTEWARD_HOST_POSTGRES_DATA_DIR === undefined) return [];
  return SERVER_CONTROL.filter((name) => set[name] === undefined).map(
    (name) => `${name}: is needed with PGSTEWARD_HOST_POSTGRES_DATA_DIR`,
  );
}

function halfOfAdminPair({
  PG_ADMIN_USER: user,
  PG_ADMIN_PASS: text,
  PG_ADMIN_PASS_FILE: file,
}: OptionValues): string[] {
  if (text !== undefined && file !== undefined)
    return ['PG_ADMIN_PASS: is set beside PG_ADMIN_PASS_FILE; set only one'];
  const password = text ?? file;
  if (user !== undefined && password === undefined) {
    return ['PG_ADMIN_PASS_FILE: is needed with PG_ADMIN_USER, or PG_ADMIN_PASS'];
  }
  return user === undefined && password !== undefined ? ['PG_ADMIN_USER: is needed with its password'] : [];
}

/** Ports that processes of this installation listen on; 0, any free one, is none of them. */
function ownPorts({
  listen,
  usersListen,
  clustersListen,
  metricsListen,
  metadata,
  targetPort,
  temporal,
}: Config): [string, number][] {
  const ports: Partial<Record<OptionName, number>> = {
    PGSTEWARD_PORT: listen.port,
    ...(usersListen !== undefined && { PGSTEWARD_USERS_LISTEN: usersListen.port }),
    ...(clustersListen !== undefined && { PGSTEWARD_CLUSTERS_LISTEN: clustersListen.port }),
    ...(metricsListen !== undefined && { PGSTEWARD_METRICS_LISTEN: metricsListen.port }),
    ...(temporal.metricsListen !== undefined && { PGSTEWARD_TEMPORAL_METRICS_LISTEN: temporal.metricsListen.port }),
    ...(metadata.kind === 'embedded' && { PGSTEWARD_METADATA_PORT: metadata.port }),
    PGSTEWARD_TARGET_PORT: targetPort,
    ...(temporal.server.kind === 'development' && {
      PGSTEWARD_TEMPORAL_PORT: temporal.server.port,
      PGSTEWARD_TEMPORAL_UI_PORT: temporal.server.uiPort,
    }),
    PGSTEWARD_CODEC_PORT: temporal.codecPort,
  };
  return Object.entries(ports).filter(([, port]) => port !== 0);
}

function repeatedPorts(config: Config): string[] {
  const ports = ownPorts(config);
  return ports.flatMap(([name, port], index) =>
    ports
      .slice(0, index)
      .filter(([, earlier]) => earlier === port)
      .map(([earlierName]) => `${name}: is ${port}, which is the port of ${earlierName} too`),
  );
}

function portsWithinRange(config: Config): string[] {
  const { first, last } = config.portRange;
  return ownPorts(config)
    .filter(([, port]) => port >= first && port <= last)
    .map(([name, port]) => `${name}: ${port} is within PGSTEWARD_PORT_RANGE (${first}-${last}), which is for services`);
}
