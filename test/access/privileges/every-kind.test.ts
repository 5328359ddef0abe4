import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DesiredGrant } from '../../../domain/access/document.ts';
import { OBJECT_KINDS, type ObjectKind, RELATION_KINDS } from '../../../domain/access/objects.ts';
import { diffObjects } from '../../../domain/access/privileges/diff-objects.ts';
import { renderPrivileges } from '../../../domain/access/privileges/render.ts';
import { simulatePrivileges } from '../../../domain/access/privileges/simulate.ts';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { rightsAsText } from '../../unit/access/privileges/support/compare.ts';
import { asked } from '../../unit/access/privileges/support/server.ts';
import { createShop, inspectShop, runSteps } from './support/database.ts';

const KINDS = Object.keys(OBJECT_KINDS) as ObjectKind[];

/** Beside those of the shop: whatever has a keyword or a name of its own in GRANT or ALTER … OWNER. */
const MORE_OBJECTS = `
CREATE TABLE app.parted (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE app.part PARTITION OF app.parted FOR VALUES FROM (0) TO (1);
CREATE MATERIALIZED VIEW app.stored AS SELECT 1 AS a;
CREATE TABLE app.numbered (id int GENERATED ALWAYS AS IDENTITY, a int);
CREATE PROCEDURE app.run(integer) LANGUAGE sql AS '';
CREATE PROCEDURE app.run(integer, INOUT text) LANGUAGE sql AS 'SELECT $2';
CREATE FUNCTION app.many(VARIADIC integer[]) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.out(IN integer, OUT text) LANGUAGE sql AS 'SELECT ''''';
CREATE FUNCTION app.typed(app.ty, "char", timestamptz, numeric(3, 1)) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE app.total(integer) (SFUNC = int4pl, STYPE = integer);
CREATE AGGREGATE app.counted(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '0');
CREATE AGGREGATE app.middle(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal,
  FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
CREATE DOMAIN app.positive AS integer CHECK (VALUE > 0);
CREATE TYPE app.pair AS (a integer, b integer);
CREATE TYPE app.span AS RANGE (SUBTYPE = integer);
CREATE TABLE app."odd ""name""" ("odd column" int);
CREATE FOREIGN DATA WRAPPER wrapper;
CREATE SERVER away FOREIGN DATA WRAPPER wrapper;
CREATE FOREIGN TABLE app.remote (a int) SERVER away;
CREATE SCHEMA crm;
`;

describe.each(testMajors())('a server of version %i', (major) => {
  let server: VersionedServer;
  let client: pg.Client;

  beforeAll(async () => {
    server = await startServerOf(major);
    await createShop(server);
    client = await server.connect({ database: 'shop' });
    await client.query('SET search_path = pg_catalog');
    await client.query(MORE_OBJECTS);
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  /** Selects all objects of each kind. */
  function everything(kinds: readonly ObjectKind[]): DesiredGrant['on'][] {
    return kinds.map((kind) => ({ kind, schema: OBJECT_KINDS[kind].inSchema ? 'app' : null, names: 'all' }));
  }

  test.each([
    ['grants ALL on every kind of object', asked({ grants: everything(KINDS).map((on) => ({ on, to: ['a', 'b'] })) })],
    [
      'grants ALL on single columns',
      asked({
        grants: everything([...RELATION_KINDS])
          .filter(({ kind }) => kind !== 'foreign_table')
          .map((on) => ({
            on: { ...on, names: on.kind === 'view' ? ['v1', 'stored'] : ['t1', 'parted', 'part'] },
            columns: ['a'],
            to: ['a'],
          })),
      }),
    ],
    [
      'changes the owner of every kind of object, and grants as the new one',
      asked({
        owner: 'c',
        // Only a superuser can own a foreign data wrapper.
        owners: everything(KINDS.filter((kind) => kind !== 'foreign_data_wrapper' && kind !== 'database')).map(
          (on) => ({
            on,
            owner: 'c',
          }),
        ),
        grants: everything(KINDS).map((on) => ({ on, to: ['a'], grantOption: true })),
      }),
    ],
    [
      'takes what PUBLIC has on every kind of object',
      asked({ revokes: everything(KINDS).map((on) => ({ on, to: [''] })), exactGrantees: [''] }),
    ],
  ])('%s', async (_, document) => {
    await client.query('BEGIN');
    try {
      const observed = await inspectShop(client);
      const { changes, problems } = diffObjects({ document, observed });
      expect(problems).toEqual([]);
      expect(changes).not.toEqual([]);
      await runSteps(client, renderPrivileges(changes, observed));
      const after = await inspectShop(client);
      expect(rightsAsText(after, ['shop'])).toEqual(rightsAsText(simulatePrivileges(observed, changes), ['shop']));
      expect(diffObjects({ document, observed: after }).changes).toEqual([]);
    } finally {
      await client.query('ROLLBACK');
    }
  });

  test('has a right of everybody on a function that only the defaults of all schemas can take', async () => {
    const document = asked({
      defaultPrivileges: [{ creator: 'owner', on: 'routine', to: [''], absent: true }],
    });
    await client.query('BEGIN');
    try {
      const observed = await inspectShop(client);
      await runSteps(client, renderPrivileges(diffObjects({ document, observed }).changes, observed));
      await client.query('SET LOCAL ROLE owner');
      await client.query(`CREATE FUNCTION app.later() RETURNS integer LANGUAGE sql AS 'SELECT 1'`);
      await client.query('RESET ROLE');
      const { rows } = await client.query(`SELECT has_function_privilege('a', 'app.later()', 'EXECUTE') AS allowed`);
      expect(rows).toEqual([{ allowed: false }]);
    } finally {
      await client.query('ROLLBACK');
    }
  });
});
