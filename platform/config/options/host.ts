import { z } from 'zod';
import { IDENTIFIER_RULE, isIdentifier } from '../../../domain/identifiers.ts';
import { endpoint, hostAddress, integer, list, option, port, portRange, text } from './option.ts';

/** A host with its PostgreSQL server and its services. */
export const HOST_OPTIONS = {
  PGSTEWARD_HOST_ID: option({
    schema: z.string().refine(isIdentifier, IDENTIFIER_RULE),
    default: '`host-1`',
    meaning: 'Id of the host that a host worker serves; `nodes[].host_ids` of a database name it.',
  }),
  PGSTEWARD_HOST_ADDRESSES: option({
    schema: list(hostAddress),
    default: '`127.0.0.1`',
    meaning: 'Addresses at which clients reach this host, separated by commas. Services listen on the first one.',
  }),
  PGSTEWARD_HOST_DATA_DIR: option({
    schema: text,
    default: '`hosts/<host id>` in `PGSTEWARD_HOME`',
    meaning: 'Directory of the host worker: its key and the files of its services.',
  }),
  PGSTEWARD_HOST_SERVER: option({
    schema: z.string().refine(isIdentifier, IDENTIFIER_RULE),
    default: 'none, or the server that `npm start` brings along',
    meaning: 'Registered server whose primary or standby runs on this host.',
  }),
  PGSTEWARD_HOST_POSTGRES_ENDPOINT: option({
    schema: endpoint(port),
    default: 'the endpoint of that server at an address of this host',
    meaning:
      'Which endpoint of `PGSTEWARD_HOST_SERVER` is on this host, as registered; needed where the addresses do not tell.',
  }),
  PGSTEWARD_HOST_POSTGRES_DATA_DIR: option({
    schema: text,
    default: 'the server is never stopped or started from here',
    meaning:
      'Data directory of the PostgreSQL server of this host, for switchovers. The worker runs as root or as the owner of the directory, and nothing else starts or stops that server.',
  }),
  PGSTEWARD_HOST_POSTGRES_BIN_DIR: option({
    schema: text,
    default: 'none',
    meaning: 'Directory of `pg_ctl` and `postgres` of that server. Needed with `PGSTEWARD_HOST_POSTGRES_DATA_DIR`.',
  }),
  PGSTEWARD_HOST_REPLICATION_USER: option({
    schema: text,
    default: 'none',
    meaning:
      'Role with REPLICATION that a former primary logs in to the new one with. Needed with `PGSTEWARD_HOST_POSTGRES_DATA_DIR`.',
  }),
  PGSTEWARD_HOST_REPLICATION_PASSFILE: option({
    schema: text,
    default: 'none',
    meaning:
      'Password file of libpq with that role, readable by the owner of the data directory only. Needed with `PGSTEWARD_HOST_POSTGRES_DATA_DIR`.',
  }),
  PGSTEWARD_RUNTIME: option({
    schema: z.enum(['auto', 'docker', 'process'], 'must be auto, docker or process'),
    default: '`auto`',
    meaning: 'How services run: in containers, as child processes, or in containers where a Docker Engine answers.',
  }),
  PGSTEWARD_DOCKER_NETWORK: option({
    schema: z.enum(['host', 'bridge'], 'must be host or bridge'),
    default: '`host` on Linux, `bridge` elsewhere',
    meaning: 'Network of service containers: that of the host, or published ports.',
  }),
  PGSTEWARD_SERVICE_UID: option({
    schema: integer(1, 2 ** 31 - 1),
    default: '`65532` for root, otherwise the own user',
    meaning: 'Numeric user and group that services run as and that owns their secret files.',
  }),
  PGSTEWARD_PORT_RANGE: option({
    schema: portRange,
    default: '`15000-15999`',
    meaning: 'Ports for services whose specification names none.',
  }),
  PGSTEWARD_POSTGREST_IMAGE: option({
    schema: z
      .string()
      .regex(/^[a-z0-9]+(?:[._:/-]+[a-z0-9]+)*$/, 'must be an image repository in lower case, without tag or digest'),
    default: 'as the version table says',
    meaning:
      'Image repository of PostgREST on a host, such as a mirror of `postgrest/postgrest` with its tags (`:v12.0.2`); not for services that name an image.',
  }),
};
