import { BlockList, isIP } from 'node:net';
import type { Config } from './config.ts';
import type { OptionName } from './options.ts';
import type { OptionValues } from './parse-options.ts';

/** What is wrong with options taken together, one sentence each, starting with the name of a variable. */
export function findConflicts(set: OptionValues, config: Config): string[] {
  return [
    ...listenAddressProblems(config),
    ...lonePasswordFile(set),
    ...contradictingApiPorts(set),
    ...repeatedPorts(config),
    ...portsWithinRange(config),
    ...halfOfServerControl(set),
    ...halfOfAdminPair(set),
  ];
}

function listenAddressProblems({ listen }: Config): string[] {
  return isLoopback(listen.address)
    ? []
    : [
        `PGSTEWARD_LISTEN: ${listen.address} is not a loopback address. The API has no authentication yet, so that anybody who reaches it could change your databases; listen on 127.0.0.1 or [::1]`,
      ];
}

function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family === 0 ? address === 'localhost' : loopback.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

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
function ownPorts({ listen, metadata, targetPort, temporal }: Config): [string, number][] {
  const ports: Partial<Record<OptionName, number>> = {
    PGSTEWARD_PORT: listen.port,
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
