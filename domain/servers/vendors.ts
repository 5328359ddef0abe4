import { quoteIdentifier } from '../sql/quote.ts';
import type { ServerFacts } from './probe.ts';

/** A managed service that has no superuser for its customers. */
export interface Vendor {
  id: string;
  name: string;
  /** What is different there. */
  hints: string[];
  /** What makes an admin role for the control plane there, run as the role that the service gave to the customer. */
  bootstrap: string;
}

interface KnownVendor {
  name: string;
  /** Any of these roles or parameters tells. */
  marks: readonly string[];
  hints: readonly string[];
  /** Statements beside those that are the same everywhere. */
  also(role: string): readonly string[];
}

/** By their documentation. */
const VENDORS: Readonly<Record<string, KnownVendor>> = {
  rds: {
    name: 'Amazon RDS or Aurora',
    marks: ['rds_superuser', 'rds.extensions'],
    hints: [
      'extensions that may be created are listed in the parameter rds.extensions',
      'with rds.restrict_password_commands = 1 only members of rds_password may set passwords and VALID UNTIL',
      'log in by the writer endpoint of the cluster, not by a reader endpoint',
    ],
    also: (role) => [`-- with rds.restrict_password_commands = 1 also:\n-- GRANT rds_password TO ${role};`],
  },
  cloudsql: {
    name: 'Google Cloud SQL',
    marks: ['cloudsqlsuperuser'],
    hints: [
      'the password policy of the instance judges passwords in the clear only: verifiers pass it',
      'pg_authid is not readable',
    ],
    also: () => [],
  },
  alloydb: {
    name: 'Google AlloyDB',
    marks: ['alloydbsuperuser'],
    hints: ['pg_authid is not readable'],
    also: () => [],
  },
  azure: {
    name: 'Azure Database for PostgreSQL',
    marks: ['azure_pg_admin', 'azure.extensions'],
    hints: [
      'extensions that may be created are listed in the parameter azure.extensions',
      'credcheck, where it is on, refuses verifiers unless credcheck.encrypted_password_allowed is on',
      'a server whose storage is full is set to read-only',
    ],
    also: () => [],
  },
  neon: {
    name: 'Neon',
    marks: ['neon_superuser'],
    hints: [
      'use the direct address: behind one with `-pooler` in its name neither session settings nor advisory locks last',
      'roles made in the console, the CLI or the API are members of neon_superuser; roles made by SQL are not',
    ],
    also: () => [],
  },
  aiven: {
    name: 'Aiven',
    marks: ['avnadmin', '_aiven'],
    hints: ['log in on the port of the service itself, not on that of a connection pool'],
    also: () => [],
  },
  supabase: {
    name: 'Supabase',
    marks: ['supabase_admin'],
    hints: ['use the direct address: behind the pooler neither session settings nor advisory locks last'],
    also: () => [],
  },
};

const KNOWN = Object.values(VENDORS);

/** Names of roles and parameters to look for. */
export const VENDOR_MARKS: readonly string[] = KNOWN.flatMap(({ marks }) => marks);

/** The managed service that a server belongs to, as far as it can be told. */
export function vendorOf(facts: Pick<ServerFacts, 'marks' | 'admin' | 'versionNum'>): Vendor | undefined {
  const found = new Set([...facts.marks.roles, ...facts.marks.settings]);
  const entry = Object.entries(VENDORS).find(([, { marks }]) => marks.some((mark) => found.has(mark)));
  if (entry === undefined) return undefined;
  const [id, { name, hints, also }] = entry;
  const role = quoteIdentifier(facts.admin.name);
  return { id, name, hints: [...hints], bootstrap: bootstrap(role, facts.versionNum, also(role)) };
}

function bootstrap(role: string, versionNum: number, also: readonly string[]): string {
  // From 16 on a role can give CREATEDB only if it has it, and its creator's session decides what it may do with new roles.
  const selfGrant = versionNum >= 160_000 ? [`ALTER ROLE ${role} SET createrole_self_grant = 'inherit, set';`] : [];
  return [
    `CREATE ROLE ${role} LOGIN CREATEROLE CREATEDB PASSWORD '<SCRAM verifier or password>';`,
    `GRANT pg_signal_backend TO ${role};`,
    ...selfGrant,
    ...also,
  ].join('\n');
}
