import type { VersionedServer } from '../../../support/versions.ts';

/** A database `shop` with one object of each common kind, made by `shop_owner`. */
export async function createShop(server: VersionedServer, name = 'shop'): Promise<void> {
  await server.query(`CREATE DATABASE ${name} OWNER shop_owner`);
  await server.query(
    `SET ROLE shop_owner;
     CREATE SCHEMA app;
     CREATE TABLE app.orders (id int PRIMARY KEY, total numeric, card text);
     CREATE TABLE app.customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, email text);
     CREATE VIEW app.totals AS SELECT sum(total) AS total FROM app.orders;
     CREATE SEQUENCE app.numbers;
     CREATE FUNCTION app.pay(amount integer) RETURNS integer LANGUAGE sql AS 'SELECT amount';
     CREATE FUNCTION app.pay(amount integer, note text) RETURNS integer LANGUAGE sql AS 'SELECT amount';
     CREATE PROCEDURE app.tidy() LANGUAGE sql AS 'SELECT 1';
     CREATE TYPE app.mood AS ENUM ('calm', 'busy');
     CREATE DOMAIN app.amount AS numeric CHECK (VALUE >= 0);`,
    { database: name },
  );
}

/** The roles of the shop. */
export const SHOP_ROLES = {
  roles: [
    { name: 'shop_owner', login: false },
    { name: 'readers', login: false, comment: 'may read' },
    { name: 'writers', login: false, member_of: ['readers'] },
    { name: 'ann', login: true, connection_limit: 5, member_of: ['readers'] },
    { name: 'bob', login: true, valid_until: '2031-05-06T07:08:09+02:00', member_of: ['writers'] },
  ],
};

/** Rights in the shop, of every kind that it has. */
export function shopRights(name = 'shop') {
  return {
    name,
    grants: [
      { on: { kind: 'database' }, privileges: ['CONNECT', 'TEMP'], to: ['readers'] },
      { on: { kind: 'schema', names: ['app'] }, privileges: ['USAGE'], to: ['readers'] },
      {
        on: { kind: 'table', schema: 'app', all: true },
        privileges: ['SELECT'],
        to: ['readers'],
        later: ['shop_owner'],
      },
      { on: { kind: 'table', schema: 'app', names: ['orders'] }, privileges: ['INSERT', 'UPDATE'], to: ['writers'] },
      {
        on: { kind: 'table', schema: 'app', names: ['customers'] },
        privileges: ['UPDATE'],
        columns: ['name', 'email'],
        to: ['writers'],
      },
      { on: { kind: 'view', schema: 'app', names: ['totals'] }, privileges: 'ALL', to: ['writers'] },
      { on: { kind: 'sequence', schema: 'app', names: ['numbers'] }, privileges: ['USAGE'], to: ['writers'] },
      {
        on: { kind: 'routine', schema: 'app', names: ['pay(integer)', 'tidy()'] },
        privileges: ['EXECUTE'],
        to: ['writers'],
        grant_option: true,
      },
      { on: { kind: 'type', schema: 'app', names: ['mood', 'amount'] }, privileges: ['USAGE'], to: ['writers'] },
    ],
    revokes: [
      { on: { kind: 'routine', schema: 'app', names: ['pay(integer)'] }, privileges: ['EXECUTE'], from: ['PUBLIC'] },
    ],
    default_privileges: [
      { creator: 'shop_owner', schema: 'app', on: 'sequence', privileges: ['USAGE', 'SELECT'], to: ['writers'] },
      { creator: 'shop_owner', on: 'routine', privileges: ['EXECUTE'], to: ['PUBLIC'], absent: true },
    ],
  };
}
