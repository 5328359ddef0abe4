import { quoteIdentifier, quoteIdentifiers, quoteLiteral } from '../sql/quote.ts';
import { LOGGING_PARAMETERS, type ServerFacts, SHOWN_ROLES } from './probe.ts';

/** Something that the admin role may not do. */
export interface MissingRight {
  right: string;
  /** Without it the control plane cannot do its ordinary work. */
  required: boolean;
  /** What it is needed for. */
  neededFor: string;
  /** What a superuser runs, in the maintenance database; null where no statement gives the right. */
  statement: string | null;
}

interface Right extends Omit<MissingRight, 'statement'> {
  holds(facts: ServerFacts): boolean;
  statement(facts: ServerFacts): string | null;
}

const FIRST_WITH_ADMIN_OPTION = 160_000;
const FIRST_WITH_PARAMETER_PRIVILEGES = 150_000;
/** Connections of one process. */
const CONNECTIONS = 4;

const admin = ({ admin: { name } }: ServerFacts) => quoteIdentifier(name);

/**
 * From 16 on CREATEROLE can give an attribute that its holder has; before, only a superuser can give REPLICATION and BYPASSRLS
 * (CreateRole() in user.c).
 */
const attributeToGive = (attribute: 'REPLICATION' | 'BYPASSRLS') => (facts: ServerFacts) =>
  facts.versionNum >= FIRST_WITH_ADMIN_OPTION
    ? `ALTER ROLE ${admin(facts)} ${attribute};`
    : `ALTER ROLE ${admin(facts)} SUPERUSER;`;

const RIGHTS: readonly Right[] = [
  {
    right: 'CREATEROLE',
    required: true,
    neededFor: 'creating, changing and dropping roles',
    holds: ({ admin: { createrole } }) => createrole,
    statement: (facts) => `ALTER ROLE ${admin(facts)} CREATEROLE;`,
  },
  {
    right: 'CREATEDB',
    required: true,
    neededFor: 'creating databases',
    holds: ({ admin: { createdb } }) => createdb,
    statement: (facts) => `ALTER ROLE ${admin(facts)} CREATEDB;`,
  },
  {
    right: 'pg_signal_backend',
    required: true,
    neededFor: 'ending the sessions of roles that are dropped or lose access; having created a role is not enough',
    holds: ({ admin: { signalsBackends } }) => signalsBackends,
    statement: (facts) =>
      `GRANT pg_signal_backend TO ${admin(facts)}${
        facts.versionNum >= FIRST_WITH_ADMIN_OPTION ? ' WITH INHERIT TRUE' : ''
      };`,
  },
  {
    right: 'connections',
    required: true,
    neededFor: `working on several things at a time: a process opens up to ${CONNECTIONS} connections`,
    holds: ({ admin: { connectionLimit } }) => connectionLimit === -1 || connectionLimit >= CONNECTIONS,
    statement: (facts) => `ALTER ROLE ${admin(facts)} CONNECTION LIMIT -1;`,
  },
  {
    right: 'ADMIN option on roles',
    required: false,
    neededFor: 'changing, granting and dropping roles that somebody else made',
    holds: ({ admin: { unadministered } }) => unadministered.count === 0,
    statement: grantAdminOption,
  },
  {
    right: 'REPLICATION',
    required: false,
    neededFor: 'giving roles the attribute REPLICATION',
    holds: ({ admin: { replication }, versionNum }) => replication && versionNum >= FIRST_WITH_ADMIN_OPTION,
    statement: attributeToGive('REPLICATION'),
  },
  {
    right: 'BYPASSRLS',
    required: false,
    neededFor: 'giving roles the attribute BYPASSRLS',
    holds: ({ admin: { bypassrls }, versionNum }) => bypassrls && versionNum >= FIRST_WITH_ADMIN_OPTION,
    statement: attributeToGive('BYPASSRLS'),
  },
  {
    right: 'SELECT on pg_authid',
    required: false,
    neededFor: 'noticing passwords that were changed elsewhere or are stored as MD5',
    holds: ({ admin: { readsPasswords } }) => readsPasswords,
    statement: (facts) => `GRANT SELECT ON pg_catalog.pg_authid TO ${admin(facts)};`,
  },
  {
    right: 'SET on logging parameters',
    required: false,
    neededFor: 'keeping password verifiers out of the log of the server',
    holds: ({ admin: { unsettable } }) => unsettable.length === 0,
    statement: (facts) =>
      facts.versionNum >= FIRST_WITH_PARAMETER_PRIVILEGES
        ? `GRANT SET ON PARAMETER ${LOGGING_PARAMETERS.join(', ')} TO ${admin(facts)};`
        : `ALTER ROLE ${admin(facts)} SUPERUSER;`,
  },
  {
    right: 'pg_read_all_settings',
    required: false,
    neededFor: 'seeing which libraries check passwords',
    holds: ({ passwords: { preloaded } }) => preloaded !== null,
    statement: (facts) => `GRANT pg_read_all_settings TO ${admin(facts)};`,
  },
];

/** What the admin role may not do, each with the statement that a superuser runs. A superuser may do everything. */
export function missingRights(facts: ServerFacts): MissingRight[] {
  if (facts.admin.superuser) return [];
  return RIGHTS.filter((right) => !right.holds(facts)).map(({ right, required, neededFor, statement }) => ({
    right,
    required,
    neededFor,
    statement: statement(facts),
  }));
}

/** By name while all names are known; else a block that finds them. A member of the admin role cannot have it as its member. */
function grantAdminOption(facts: ServerFacts): string {
  const { name, unadministered } = facts.admin;
  if (unadministered.count <= SHOWN_ROLES) {
    return `GRANT ${quoteIdentifiers(unadministered.names)} TO ${quoteIdentifier(name)} WITH ADMIN OPTION;`;
  }
  const role = quoteLiteral(name);
  return `DO $$DECLARE r name; BEGIN
  FOR r IN SELECT rolname FROM pg_catalog.pg_roles
    WHERE NOT rolsuper AND rolname !~ '^pg_' AND rolname <> ${role} AND NOT pg_catalog.pg_has_role(oid, ${role}, 'MEMBER')
  LOOP EXECUTE pg_catalog.format('GRANT %I TO %I WITH ADMIN OPTION', r, ${role}); END LOOP;
END$$;`;
}
