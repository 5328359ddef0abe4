import pg from 'pg';
import { quoteIdentifier, quoteIdentifiers } from '../../domain/sql/quote.ts';
import type { Config } from '../../platform/config/config.ts';
import { type Superuser, superuserOf } from './connection.ts';
import type { Workload } from './workload.ts';

/** The target server, as its superuser prepares it for a bench and cleans up after it. */
export interface BenchTarget {
  superuser: Superuser;
  /** On the maintenance database. */
  admin: pg.Client;
  /** Makes databases, schemas and tables. */
  create(workload: Workload): Promise<void>;
  /** Takes away all roles and rights, and the dead rows in the catalogs that are left of them. */
  reset(workload: Workload): Promise<void>;
  drop(workload: Workload): Promise<void>;
  createDatabase(name: string): Promise<void>;
  dropDatabase(name: string): Promise<void>;
  /** Drops roles that own nothing and have no rights. */
  dropRoles(prefix: string): Promise<void>;
  close(): Promise<void>;
}

/** Statements of one message. */
const ROLES_PER_DROP = 500;
const CATALOGS = 'pg_authid, pg_auth_members, pg_shdepend, pg_database, pg_db_role_setting, pg_class, pg_namespace';

/** Everything the bench does itself on the server is done under this name. */
export const BENCH_NAME = 'bench';

export async function openTarget(config: Config): Promise<BenchTarget> {
  const superuser = await superuserOf(config);
  const admin = await connect(superuser, 'postgres');

  async function inDatabase(name: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
    const client = await connect(superuser, name);
    try {
      await work(client);
    } finally {
      await client.end();
    }
  }

  async function existing(condition: string, value: unknown): Promise<string[]> {
    const { rows } = await admin.query<{ rolname: string }>(`SELECT rolname FROM pg_roles WHERE ${condition}`, [value]);
    return rows.map(({ rolname }) => rolname);
  }

  async function dropAll(roles: readonly string[]): Promise<void> {
    for (let start = 0; start < roles.length; start += ROLES_PER_DROP) {
      await admin.query(`DROP ROLE ${quoteIdentifiers(roles.slice(start, start + ROLES_PER_DROP))}`);
    }
  }

  const target: BenchTarget = {
    superuser,
    admin,
    async create(workload) {
      for (const { name, schemas, tables } of workload.databases) {
        await target.createDatabase(name);
        const statements = schemas.flatMap((schema) => [
          `CREATE SCHEMA ${quoteIdentifier(schema)}`,
          ...tables.map((table) => `CREATE TABLE ${quoteIdentifier(schema)}.${quoteIdentifier(table)} (id bigint)`),
        ]);
        await inDatabase(name, (client) => client.query(statements.join(';')));
      }
    },
    async reset(workload) {
      const groups = await existing('rolname = ANY($1)', workload.groups);
      for (const { name } of workload.databases) {
        await inDatabase(name, async (client) => {
          if (groups.length > 0) await client.query(`DROP OWNED BY ${quoteIdentifiers(groups)}`);
          await client.query(`VACUUM ${CATALOGS}`);
        });
      }
      const logins = workload.logins.map(({ name }) => name);
      await dropAll(await existing('rolname = ANY($1)', [...workload.groups, ...logins]));
    },
    async drop(workload) {
      await target.reset(workload);
      for (const { name } of workload.databases) await target.dropDatabase(name);
    },
    createDatabase: async (name) =>
      void (await admin.query(`CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE template0`)),
    dropDatabase: async (name) => void (await admin.query(`DROP DATABASE ${quoteIdentifier(name)} WITH (FORCE)`)),
    dropRoles: async (prefix) => dropAll(await existing('starts_with(rolname, $1)', prefix)),
    close: () => admin.end(),
  };
  return target;
}

async function connect(superuser: Superuser, database: string): Promise<pg.Client> {
  const client = new pg.Client({ ...superuser, database, application_name: BENCH_NAME });
  await client.connect();
  return client;
}
