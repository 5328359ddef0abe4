import { beforeAll, expect, test } from 'vitest';
import { PUBLIC } from '../../../domain/access/observed.ts';
import { heldCatalogs } from '../../../platform/target/catalog/held-catalogs.ts';
import { onEachMajor } from './on-each-major.ts';

onEachMajor('catalogs in which roles hold something', (server) => {
  beforeAll(async () => {
    await server().query(`
      CREATE ROLE maker; CREATE ROLE reader; CREATE ROLE caller; CREATE ROLE idle;
      CREATE SCHEMA app AUTHORIZATION maker; CREATE TABLE app.orders (id int, note text);
      CREATE FUNCTION app.pay() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE app.mood AS ENUM ('fine');
      CREATE FOREIGN DATA WRAPPER wrapper; CREATE SERVER far FOREIGN DATA WRAPPER wrapper;
      GRANT UPDATE (note) ON app.orders TO reader; GRANT USAGE ON LANGUAGE plpgsql TO reader;
      GRANT EXECUTE ON FUNCTION app.pay() TO caller; GRANT USAGE ON TYPE app.mood TO caller;
      GRANT USAGE ON FOREIGN DATA WRAPPER wrapper TO caller; GRANT USAGE ON FOREIGN SERVER far TO caller;
      GRANT USAGE ON SCHEMA app TO caller;
      ALTER DEFAULT PRIVILEGES FOR ROLE maker GRANT SELECT ON TABLES TO caller`);
  });

  const heldBy = async (...roles: string[]) => {
    const held = await heldCatalogs(await server().session(), roles);
    return held && Object.fromEntries([...held].map(([database, catalogs]) => [database, [...catalogs].sort()]));
  };

  test('they are told by database, columns as their table', async () => {
    expect(await heldBy('reader')).toEqual({ postgres: ['language', 'table'] });
    expect(await heldBy('reader', 'caller', 'idle')).toEqual({
      postgres: [
        'default',
        'foreign_data_wrapper',
        'foreign_server',
        'language',
        'routine',
        'schema',
        'table',
        'type',
      ].sort(),
    });
  });

  test('whoever holds nothing, owns or is not there has none', async () => {
    expect(await heldBy('idle', 'maker', 'nobody')).toEqual({});
    expect(await heldBy()).toEqual({});
  });

  test('nobody can tell for PUBLIC and roles of the server itself', async () => {
    expect(await heldBy('reader', PUBLIC)).toBeUndefined();
    expect(await heldBy('reader', 'pg_monitor')).toBeUndefined();
    expect(await heldBy('postgres')).toBeUndefined();
  });
});
