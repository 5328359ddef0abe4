import { describe, expect, test } from 'vitest';
import { normalizeSpec } from '../../../domain/spec/normalize.ts';
import { createDatabaseSchema } from '../../../domain/spec/schema.ts';
import { adjustRoles, attributesOf } from '../../../domain/update/roles.ts';
import { decideUsers } from '../../../domain/update/users.ts';
import { bodyWith, type Json, service } from '../spec/requests.ts';

const app = { username: 'app', password: 'changeme', db_owner: true, attributes: ['LOGIN'] };

function specWith(spec: Json) {
  const parsed = createDatabaseSchema.parse(bodyWith(spec));
  return normalizeSpec({ databaseId: 'storefront', spec: parsed.spec });
}

function adjust(previous: Json, next: Json, recorded: string[] = ['app', 'worker'], force = false) {
  return adjustRoles({
    databaseId: 'storefront',
    previous: specWith(previous),
    next: specWith(next),
    recorded: new Set(recorded),
    force,
  });
}

describe('roles that the database has', () => {
  const worker = { username: 'worker', attributes: ['LOGIN'] };

  test('get attributes that are new, and lose none', () => {
    const next = { ...worker, attributes: ['CREATEDB'] };
    expect(adjust({ database_users: [app, worker] }, { database_users: [app, next] })).toEqual([
      { name: 'worker', attributes: ['CREATEDB'] },
    ]);
  });

  test('stop inheriting when a service begins to log in as them, and inherit again when the last one ends', () => {
    const services = [service({ connect_as: 'worker' })];
    const users = { database_users: [app, worker], services: [] };
    expect(adjust(users, { ...users, services })).toEqual([{ name: 'worker', attributes: ['NOINHERIT'] }]);
    expect(adjust({ ...users, services }, users)).toEqual([{ name: 'worker', attributes: ['INHERIT'] }]);
    const asked = { ...users, database_users: [app, { ...worker, attributes: ['LOGIN', 'NOINHERIT'] }] };
    expect(adjust({ ...asked, services }, asked)).toEqual([]);
  });

  test('are not touched when they do not exist yet, or were adopted', () => {
    const users = { database_users: [app, { ...worker, attributes: ['CREATEDB'], adopt: true }] };
    expect(adjust({ database_users: [app, worker] }, users)).toEqual([]);
    expect(adjust({ database_users: [app] }, { database_users: [app, worker] }, ['app'])).toEqual([]);
  });

  test('get all their attributes again when the update is forced', () => {
    expect(adjust({ database_users: [app] }, { database_users: [app] }, ['app'], true)).toEqual([
      { name: 'app', attributes: ['LOGIN', 'NOINHERIT'] },
    ]);
  });

  test('can be given back exactly what they had', () => {
    const flags = { superuser: false, inherit: true, createRole: false, createDb: true, login: true };
    expect(attributesOf({ name: 'x', ...flags, replication: false, bypassRls: false })).toEqual([
      'NOSUPERUSER',
      'INHERIT',
      'NOCREATEROLE',
      'CREATEDB',
      'LOGIN',
      'NOREPLICATION',
      'NOBYPASSRLS',
    ]);
  });
});

describe('users of an update', () => {
  const decide = (previous: Json, next: Json, passwords: string[] = []) =>
    decideUsers({ previous: specWith(previous), next: specWith(next), passwords: new Set(passwords) });

  test('are made, changed, kept, or dropped where the specification says so', () => {
    const before = { database_users: [app, { username: 'old' }, { username: 'same' }] };
    const after = { database_users: [{ ...app, roles: ['same'] }, { username: 'same' }, { username: 'fresh' }] };
    expect(decide(before, after, ['same'])).toEqual([
      { username: 'app', action: 'change', reasons: ['roles'] },
      { username: 'same', action: 'change', reasons: ['password'] },
      { username: 'fresh', action: 'create', reasons: [] },
      { username: 'old', action: 'keep', reasons: ['not listed'] },
    ]);
    expect(decide(before, { ...after, drop_removed_users: true }).at(-1)).toEqual({
      username: 'old',
      action: 'drop',
      reasons: ['not listed'],
    });
  });
});
