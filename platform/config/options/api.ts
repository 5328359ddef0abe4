import { z } from 'zod';
import { AUTH_MODES, claimGrants, issuerUrl } from './auth.ts';
import { endpoint, integer, option, portOrAny, text } from './option.ts';

/** Who calls, and where. */
export const API_OPTIONS = {
  PGSTEWARD_HOME: option({
    schema: text,
    default: '`.pgsteward` in the working directory',
    meaning: 'Directory of all state: keyrings, tokens, logs and, in the development stack, databases.',
  }),
  PGSTEWARD_LISTEN: option({
    schema: endpoint(portOrAny),
    default: '`127.0.0.1:3000`',
    meaning:
      'Address and port of the API; port 0 takes any free one. Other than loopback addresses need `PGSTEWARD_AUTH=required`.',
  }),
  PGSTEWARD_PORT: option({
    schema: portOrAny,
    default: 'the port in `PGSTEWARD_LISTEN`',
    meaning: 'Port of the API, for those who want to change nothing else.',
  }),
  PGSTEWARD_USERS_LISTEN: option({
    schema: endpoint(portOrAny),
    default: 'no such listener',
    meaning:
      'Address and port of a second listener for `/` and `/api/v1` only, such as `127.0.0.1:5000`, where clients of pg-user-api look. The same rules hold as on the first.',
  }),
  PGSTEWARD_CLUSTERS_LISTEN: option({
    schema: endpoint(portOrAny),
    default: 'no such listener',
    meaning:
      'Address and port of another listener for the cluster API (`/account`, `/teams`, `/clusters`, `/access-tokens`) only, such as `127.0.0.1:443`, where the command line `cb` looks, over TLS. The same rules hold as on the first.',
  }),
  PGSTEWARD_CLUSTERS_REQUESTS_PER_MINUTE: option({
    schema: integer(1, 1_000_000),
    default: '`3000`',
    meaning: 'Requests to the cluster API that one token may make within a minute; more are answered 429.',
  }),
  PGSTEWARD_AUTH: option({
    schema: z.enum(AUTH_MODES, `must be ${AUTH_MODES.join(' or ')}`),
    default: '`open-loopback`',
    meaning:
      'Whether the published routes of the pgEdge API need no credentials on loopback (`open-loopback`), or every route needs them (`required`).',
  }),
  PGSTEWARD_ADMIN_TOKEN_FILE: option({
    schema: text,
    default: '`admin-token` in `PGSTEWARD_HOME`',
    meaning: 'File that gets the token of the first administrator, when there is none yet.',
  }),
  PGSTEWARD_TLS_CERT_FILE: option({
    schema: text,
    default: 'plain HTTP',
    meaning: 'Certificate of the API with its chain, in PEM form; read again when it changes.',
  }),
  PGSTEWARD_TLS_KEY_FILE: option({
    schema: text,
    default: 'none',
    meaning: 'Key of that certificate in PEM form, readable by its owner only.',
  }),
  PG_API_USER: option({
    schema: text.regex(/^[^:\p{Cc}]{1,200}$/u, 'must be a name without colon'),
    default: 'HTTP Basic is not accepted',
    meaning: 'User name of HTTP Basic on `/api/v1`.',
  }),
  PG_API_PASS: option({
    schema: text,
    default: 'none',
    meaning: 'Password of HTTP Basic, as clients of pg-user-api know it. Better use `PG_API_PASS_FILE`.',
  }),
  PG_API_PASS_FILE: option({
    schema: text,
    default: 'none',
    meaning: 'File, readable by its owner only, with the password of HTTP Basic.',
  }),
  PGSTEWARD_OIDC_ISSUER: option({
    schema: issuerUrl,
    default: 'JWTs are not accepted',
    meaning: 'Issuer of JWTs that are accepted as bearer tokens, as in their claim `iss`.',
  }),
  PGSTEWARD_OIDC_AUDIENCE: option({
    schema: text,
    default: 'none',
    meaning: 'What their claim `aud` has to hold. Needed with `PGSTEWARD_OIDC_ISSUER`.',
  }),
  PGSTEWARD_OIDC_CLAIM: option({
    schema: text,
    default: '`groups`',
    meaning: 'Claim with the groups or roles of the caller: its name, or a path such as `realm_access.roles`.',
  }),
  PGSTEWARD_OIDC_ROLES: option({
    schema: claimGrants,
    default: 'none',
    meaning:
      'What values of that claim give, as JSON: `{"dba": {"role": "admin"}, "shop": {"role": "operator", "scope": {"databases": ["shop"]}}}`. Needed with `PGSTEWARD_OIDC_ISSUER`.',
  }),
};
