import { isIP } from 'node:net';
import { z } from 'zod';
import { endpoint, integer, option, origins, port, portOrAny, text } from './option.ts';
import { passwordlessPostgresUrl } from './postgres-url.ts';
import { temporalOptions } from './temporal-tls.ts';

/** The servers that this installation stands on, or starts in development. */
export const SERVER_OPTIONS = {
  PGSTEWARD_METADATA_PORT: option({
    schema: port,
    default: '`54320`',
    meaning: 'Port of the embedded metadata server. Not used with `PGSTEWARD_METADATA_URL`.',
  }),
  PGSTEWARD_TARGET_PORT: option({
    schema: port,
    default: '`54321`',
    meaning: 'Port of the embedded target server of the development stack.',
  }),
  PGSTEWARD_METADATA_URL: option({
    schema: passwordlessPostgresUrl,
    default: 'an embedded server is started',
    meaning:
      'Existing metadata server, as `postgres://<user>@<address>:<port>/<database>` without a password; parameters such as `?sslmode=verify-full` may follow.',
  }),
  PGSTEWARD_METADATA_PASSWORD_FILE: option({
    schema: text,
    default: 'no password is sent',
    meaning: 'File, readable by its owner only, with the password for `PGSTEWARD_METADATA_URL`.',
  }),
  TEMPORAL_ADDRESS: option({
    schema: endpoint(port),
    default: 'a Temporal development server is started',
    meaning: 'Address and port of an existing Temporal frontend.',
  }),
  TEMPORAL_CLI_PATH: option({
    schema: text,
    default: '`temporal` on the `PATH`, or else a copy of our own',
    meaning: 'Temporal CLI that runs the development server.',
  }),
  TEMPORAL_NAMESPACE: option({
    schema: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be letters, digits, dots, hyphens and underscores'),
    default: '`default`',
    meaning: 'Temporal namespace.',
  }),
  ...temporalOptions,
  PGSTEWARD_TEMPORAL_RETENTION_DAYS: option({
    schema: integer(1, 365),
    default: '`7`',
    meaning:
      'Days for which Temporal keeps the histories of ended runs, where a control worker finds no namespace and registers it. That of a namespace that is there is left as it is.',
  }),
  PGSTEWARD_TEMPORAL_PORT: option({
    schema: port,
    default: '`7233`',
    meaning: 'Port of the Temporal development server. Not used with `TEMPORAL_ADDRESS`.',
  }),
  PGSTEWARD_TEMPORAL_UI_PORT: option({
    schema: port,
    default: '`8233`',
    meaning: 'Port of the Temporal UI of the development server. Not used with `TEMPORAL_ADDRESS`.',
  }),
  PGSTEWARD_CODEC_PORT: option({
    schema: portOrAny,
    default: '`8234`',
    meaning: 'Port, on loopback, that decrypts payloads for the Temporal UI; 0 takes any free one.',
  }),
  PGSTEWARD_TEMPORAL_UI_ORIGINS: option({
    schema: origins,
    default: '`http://127.0.0.1:<port>` and `http://localhost:<port>` with the port of the UI',
    meaning:
      'Origins of the Temporal UI, separated by commas: where its pages come from as a browser sees it. Payloads are decrypted for these only.',
  }),
  PGSTEWARD_DEV_ADDRESS: option({
    schema: z.string().refine((value) => isIP(value) !== 0, 'must be an IP address'),
    default: '`127.0.0.1`',
    meaning:
      'Address at which the development stack serves everything that others than its own processes use: API, Temporal UI, codec server and services, unless `PGSTEWARD_LISTEN` or `PGSTEWARD_HOST_ADDRESSES` say otherwise. Another one than loopback is for a container whose ports are published on loopback: neither UI nor codec server ask who calls. The API then does: `PGSTEWARD_AUTH` is `required` unless set.',
  }),
};
