import type pg from 'pg';
import { DEFAULT_KINDS, OBJECT_KINDS } from '../../../../domain/access/objects.ts';
import type { ObservedServer } from '../../../../domain/access/observed.ts';
import { PUBLIC } from '../../../../domain/access/observed.ts';
import type { PlanStep } from '../../../../domain/access/plan.ts';
import { granteeSql, grantTarget, refSql } from '../../../../domain/access/refs.ts';
import { quoteIdentifier } from '../../../../domain/sql/quote.ts';
import { inspectCluster } from '../../../../platform/target/catalog/cluster.ts';
import { inspectDatabase } from '../../../../platform/target/catalog/database.ts';
import type { VersionedServer } from '../../../support/versions.ts';
import { ROLES, type Step } from '../../../unit/access/privileges/support/random.ts';

/** Creates database `shop` with the objects that random states have; `s1` belongs to a column of `t1`. */
export async function createShop(server: VersionedServer): Promise<void> {
  for (const role of ROLES) await server.query(`CREATE ROLE ${role}`);
  await server.query('CREATE DATABASE shop OWNER owner');
  await server.query(
    `CREATE SCHEMA app AUTHORIZATION owner;
     GRANT USAGE, CREATE ON SCHEMA app TO PUBLIC;
     SET search_path = app;
     SET ROLE owner;
     CREATE TABLE t1 (a int, b int);
     CREATE SEQUENCE s1 OWNED BY t1.a;
     CREATE VIEW v1 AS SELECT 1 AS a, 2 AS b;
     CREATE FUNCTION f1(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
     CREATE TYPE ty AS ENUM ('one');
     SET ROLE other;
     CREATE TABLE t2 (a int, b int);
     CREATE SEQUENCE s2;
     CREATE FUNCTION f1(text) RETURNS integer LANGUAGE sql AS 'SELECT 1';`,
    { database: 'shop' },
  );
}

/** State of the server and of database `shop`, as the transaction sees it. */
export async function inspectShop(client: pg.Client): Promise<ObservedServer> {
  const cluster = await inspectCluster(client, { serverName: 'main' });
  const shop = cluster.databases.get('shop');
  if (shop === undefined) throw new Error('no database shop');
  const contents = await inspectDatabase(client, { cluster, schemas: ['app'], columnNames: true });
  return { ...cluster, databases: new Map([['shop', { ...shop, contents }]]) };
}

/** Carries out steps of a random state, each as its role; what the server refuses is left out. */
export async function takeSteps(client: pg.Client, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    const { by, sql } = statementOf(step);
    await client.query('SAVEPOINT step');
    try {
      if (by !== undefined) await client.query(`SET LOCAL ROLE ${quoteIdentifier(by)}`);
      await client.query(sql);
      await client.query('RESET ROLE');
      await client.query('RELEASE SAVEPOINT step');
    } catch {
      await client.query('ROLLBACK TO SAVEPOINT step');
    }
  }
}

function statementOf(step: Step): { by?: string; sql: string } {
  switch (step.do) {
    case 'member':
      return { sql: `GRANT ${step.role} TO ${step.member}` };
    case 'superuser':
      return { sql: `ALTER ROLE ${step.role} SUPERUSER` };
    case 'own':
      return { sql: `ALTER ${OBJECT_KINDS[step.on.kind].ownerKeyword} ${refSql(step.on)} OWNER TO ${step.owner}` };
    case 'default': {
      const { creator, schema, on, to, privileges, isGrant, option } = step;
      const what = `${privileges.join(', ')} ON ${DEFAULT_KINDS[on].keyword}`;
      const action = isGrant
        ? `GRANT ${what} TO ${granteeSql(to)}${option && to !== PUBLIC ? ' WITH GRANT OPTION' : ''}`
        : `REVOKE ${option ? 'GRANT OPTION FOR ' : ''}${what} FROM ${granteeSql(to)}`;
      return {
        sql: `ALTER DEFAULT PRIVILEGES FOR ROLE ${creator}${schema === null ? '' : ` IN SCHEMA ${schema}`} ${action}`,
      };
    }
    default: {
      const { by, to, on, column, privileges, option } = step;
      const columns = column === undefined ? '' : ` (${column})`;
      const what = `${privileges.map((name) => name + columns).join(', ')} ON ${grantTarget(on)}`;
      if (step.do === 'grant')
        return { by, sql: `GRANT ${what} TO ${granteeSql(to)}${option ? ' WITH GRANT OPTION' : ''}` };
      return { by, sql: `REVOKE ${option ? 'GRANT OPTION FOR ' : ''}${what} FROM ${granteeSql(to)} CASCADE` };
    }
  }
}

/** Runs a plan's statements on one connection, as tests do that roll everything back. */
export async function runSteps(client: pg.Client, steps: readonly PlanStep[]): Promise<void> {
  for (const { statements } of steps) for (const { sql } of statements) await client.query(sql);
}
