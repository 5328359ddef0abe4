import { z } from 'zod';
import { POSTGRES_NAME_MAX_BYTES } from '../../../domain/identifiers.ts';
import { MAX_HANDOVER_HOURS } from '../../../domain/users/handover.ts';
import { integer, list, option, publicUrl, text } from './option.ts';

/** Administrators, passwords, leases and roles. */
export const CREDENTIAL_OPTIONS = {
  PG_ADMIN_USER: option({
    schema: z
      .string()
      .refine((role) => Buffer.byteLength(role) <= POSTGRES_NAME_MAX_BYTES, 'must be a role name of at most 63 bytes'),
    default: 'an import registers no servers unless it names a role',
    meaning: 'Role that an import of a registry registers servers with, where the import names none.',
  }),
  PG_ADMIN_PASS: option({
    schema: text,
    default: 'none',
    meaning: 'Its password, as installations of pg-user-api have it. Better use `PG_ADMIN_PASS_FILE`.',
  }),
  PG_ADMIN_PASS_FILE: option({
    schema: text,
    default: 'none',
    meaning: 'File, readable by its owner only, with the password of `PG_ADMIN_USER`.',
  }),
  PGSTEWARD_PUBLIC_URL: option({
    schema: publicUrl,
    default: 'the address that a request came to',
    meaning:
      'Address under which this API is reached, such as `https://pgsteward.example.com`: links to passwords begin with it.',
  }),
  PGSTEWARD_HANDOVER_HOURS: option({
    schema: integer(1, MAX_HANDOVER_HOURS),
    default: '`24`',
    meaning: 'Hours for which a link to a password is good, unless the request says otherwise.',
  }),
  PGSTEWARD_CONSUMERS_DIR: option({
    schema: text,
    default: 'rotations have no file or PgBouncer consumers',
    meaning:
      'Existing directory that files of rotation consumers lie below, authentication files of PgBouncers included. The same on all machines with an API or a control worker.',
  }),
  PGSTEWARD_GROUP_REFRESH_MINUTES: option({
    schema: integer(0, 10_080),
    default: '`60`',
    meaning:
      'Minutes after which the rights of the groups of users are seen to again, for what was created by roles that default privileges do not cover; 0 never.',
  }),
  PGSTEWARD_LEASES_PER_SERVER: option({
    schema: integer(0, 1_000_000),
    default: '`10000`',
    meaning: 'Most live leases of one server.',
  }),
  PGSTEWARD_LEASES_PER_HOLDER: option({
    schema: integer(0, 1_000_000),
    default: '`10000`',
    meaning: 'Most live leases of one account.',
  }),
  PGSTEWARD_LEASES_WAITING: option({
    schema: integer(1, 100_000),
    default: '`400`',
    meaning: 'Requests for leases of one server that wait in one process; more are told to come back later.',
  }),
  PGSTEWARD_LEASE_ATTEMPTS: option({
    schema: integer(1, 100),
    default: '`8`',
    meaning: 'How often the end of a lease is tried before it counts as failed; after that every five minutes.',
  }),
  PGSTEWARD_ALLOWED_ROLES: option({
    schema: list(
      z
        .string()
        .refine((role) => Buffer.byteLength(role) <= POSTGRES_NAME_MAX_BYTES, 'must be role names of at most 63 bytes')
        .refine((role) => !role.startsWith('pg_'), 'must not name predefined roles (pg_…)'),
    ),
    default: 'none',
    meaning: 'Shared roles that specifications may name although no database made them, separated by commas.',
  }),
};
