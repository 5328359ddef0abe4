import { describe, expect, test } from 'vitest';
import { diffRoles } from '../../../../domain/access/roles/diff-roles.ts';
import { contextOf, LIMITED, row, SUPERUSER, server } from './builders.ts';

describe('roles that are to exist', () => {
  test('a missing role is created with the attributes that are given, its comment and its password', () => {
    const { changes, paths } = diffRoles(
      contextOf(server(), {
        roles: [{ name: 'app', attributes: { login: true }, comment: 'the shop', hasPassword: true }],
      }),
    );
    expect(changes).toEqual([
      { type: 'create_role', role: 'app', attributes: { login: true }, setsPassword: true },
      { type: 'comment_role', role: 'app', comment: 'the shop' },
    ]);
    expect([...paths.values()]).toEqual(['roles[0]', 'roles[0]']);
  });

  test('creations come before alterations, and comments last', () => {
    const observed = server({ roles: { old: {} } });
    const { changes } = diffRoles(
      contextOf(observed, {
        roles: [
          { name: 'old', attributes: { login: true }, comment: 'x' },
          { name: 'new', comment: 'y' },
        ],
      }),
    );
    expect(changes.map(({ type }) => type)).toEqual(['create_role', 'alter_role', 'comment_role', 'comment_role']);
  });

  test('to name a role changes nothing, whoever it belongs to', () => {
    const observed = server({ roles: { app: { login: true, comment: 'theirs' } } });
    const foreign = new Map([['app', 'database/storefront']]);
    const diff = diffRoles(
      contextOf(observed, { roles: [{ name: 'app' }, { name: SUPERUSER }, { name: 'pg_monitor' }] }, { foreign }),
    );
    expect(diff).toMatchObject({ changes: [], problems: [], refusals: [] });
  });

  test('an existing role is altered in what differs only', () => {
    const observed = server({ roles: { app: { login: true, connectionLimit: 5 } } });
    const { changes } = diffRoles(
      contextOf(observed, {
        roles: [{ name: 'app', attributes: { login: true, createdb: false, connectionLimit: 9 } }],
      }),
    );
    expect(changes).toEqual([
      { type: 'alter_role', role: 'app', attributes: { connectionLimit: 9 }, setsPassword: false },
    ]);
  });

  test('the end of validity is a moment, however it is written', () => {
    const observed = server({ roles: { app: { validUntil: '2027-01-01T00:00:00Z' }, free: {} } });
    const diffOf = (name: string, validUntil: string) =>
      diffRoles(contextOf(observed, { roles: [{ name, attributes: { validUntil } }] })).changes;
    expect(diffOf('app', '2027-01-01T02:00:00+02:00')).toEqual([]);
    expect(diffOf('free', 'infinity')).toEqual([]);
    expect(diffOf('app', '2027-01-01T00:00:00.000001Z')).toHaveLength(1);
    expect(diffOf('app', 'infinity')).toHaveLength(1);
    expect(diffOf('free', '2027-01-01T00:00:00Z')).toHaveLength(1);
  });

  test('a password that has not changed is not sent again, and one of a new role always is', () => {
    const observed = server({ roles: { app: { password: 'scram' }, other: { password: 'scram' } } });
    const { changes } = diffRoles(
      contextOf(
        observed,
        { roles: ['app', 'other', 'new'].map((name) => ({ name, hasPassword: true })) },
        { changedPasswords: new Set(['other']) },
      ),
    );
    expect(changes.map((change) => 'role' in change && change.role)).toEqual(['new', 'other']);
  });

  test('an empty comment takes the comment away, once', () => {
    const asked = { roles: [{ name: 'app', comment: '' }] };
    const diffOf = (comment: string | null) =>
      diffRoles(contextOf(server({ roles: { app: { comment } } }), asked)).changes;
    expect(diffOf('old')).toEqual([{ type: 'comment_role', role: 'app', comment: null }]);
    expect(diffOf(null)).toEqual([]);
  });

  test.each(['pg_app', 'public', 'none', 'a'.repeat(64), 'ä'.repeat(32), 'Quoted Name'])(
    'a role that PostgreSQL or the name policy refuses is a problem: %s',
    (name) => {
      const { problems, changes } = diffRoles(contextOf(server(), { roles: [{ name }] }));
      expect(problems.map(({ path }) => path)).toEqual(['roles[0].name']);
      expect(changes).toEqual([]);
    },
  );

  test('the policy is for new roles: an existing one may have any name, and a new one where legacy names are allowed', () => {
    const existing = diffRoles(
      contextOf(server({ roles: { 'Old Name': {} } }), { roles: [{ name: 'Old Name', attributes: { login: true } }] }),
    );
    expect(existing).toMatchObject({ problems: [], changes: [{ type: 'alter_role' }] });
    const allowed = diffRoles(contextOf(server(), { allow: ['legacy_names'], roles: [{ name: 'New Name' }] }));
    expect(allowed).toMatchObject({ problems: [], changes: [{ type: 'create_role' }] });
  });
});

describe('rules', () => {
  const login = { attributes: { login: true } };

  test("the control plane's own role is never altered, not even with adopt", () => {
    const observed = server({ admin: LIMITED });
    const { changes, refusals } = diffRoles(
      contextOf(observed, { roles: [{ name: LIMITED, attributes: { login: false }, adopt: true }] }),
    );
    expect(changes).toEqual([]);
    expect(refusals).toEqual([{ path: 'roles[0]', message: expect.stringContaining('never changed') }]);
  });

  test('roles of PostgreSQL itself are never altered', () => {
    const { changes, refusals } = diffRoles(contextOf(server(), { roles: [{ name: 'pg_monitor', ...login }] }));
    expect(changes).toEqual([]);
    expect(refusals).toHaveLength(1);
  });

  test("another owner's role is changed only where the document adopts it", () => {
    const observed = server({ roles: { app: {} } });
    const foreign = new Map([['app', 'database/storefront']]);
    const diffOf = (more: object) => diffRoles(contextOf(observed, { roles: [{ name: 'app', ...more }] }, { foreign }));
    for (const asked of [login, { comment: 'mine' }]) {
      const { changes, refusals } = diffOf(asked);
      expect(changes).toEqual([]);
      expect(refusals).toEqual([{ path: 'roles[0]', message: expect.stringContaining('database/storefront') }]);
      expect(diffOf({ ...asked, adopt: true })).toMatchObject({ refusals: [], changes: [{ role: 'app' }] });
    }
  });

  test("another owner's role gets no password without adopt", () => {
    const observed = server({ roles: { app: {} } });
    const { refusals } = diffRoles(
      contextOf(
        observed,
        { roles: [{ name: 'app', hasPassword: true }] },
        { foreign: new Map([['app', 'x']]), changedPasswords: new Set(['app']) },
      ),
    );
    expect(refusals).toHaveLength(1);
  });

  test.each([
    ['a new superuser', { name: 'root', attributes: { superuser: true } }],
    ['a role made superuser', { name: 'app', attributes: { superuser: true } }],
    ['an attribute of a superuser', { name: 'dba', attributes: { createdb: true } }],
    ['a superuser that is to be none', { name: 'dba', attributes: { superuser: false } }],
    ['the password of a superuser', { name: 'dba', hasPassword: true }],
  ])('%s needs "allow": ["superuser"]', (_, role) => {
    const observed = server({ roles: { app: {}, dba: { superuser: true } } });
    const changedPasswords = new Set(['dba']);
    const refused = diffRoles(contextOf(observed, { roles: [role] }, { changedPasswords }));
    expect(refused.refusals).toEqual([{ path: 'roles[0]', message: expect.stringContaining('"superuser"') }]);
    const allowed = diffRoles(contextOf(observed, { allow: ['superuser'], roles: [role] }, { changedPasswords }));
    expect(allowed).toMatchObject({ refusals: [], changes: [{ role: role.name }] });
  });

  test('the bootstrap superuser stays one', () => {
    const observed = server({ admin: 'dba', roles: { dba: { superuser: true } } });
    const { changes, refusals } = diffRoles(
      contextOf(observed, { allow: ['superuser'], roles: [{ name: SUPERUSER, attributes: { superuser: false } }] }),
    );
    expect(changes).toEqual([]);
    expect(refusals).toHaveLength(1);
  });

  test('a refused creation stays in the plan, so that what builds on the role is planned', () => {
    const { changes } = diffRoles(contextOf(server(), { roles: [{ name: 'root', attributes: { superuser: true } }] }));
    expect(changes).toMatchObject([{ type: 'create_role', role: 'root' }]);
  });
});

describe('notes', () => {
  test('a password that is still stored as md5 is reported until it is set again', () => {
    const observed = server({ roles: { app: { password: 'md5' } } });
    const notesOf = (changed: string[]) =>
      diffRoles(
        contextOf(observed, { roles: [{ name: 'app', hasPassword: true }] }, { changedPasswords: new Set(changed) }),
      ).notes;
    expect(notesOf([])).toEqual([expect.stringContaining('md5')]);
    expect(notesOf(['app'])).toEqual([]);
  });

  test("a superuser's connection limit is reported as without effect", () => {
    const asked = (superuser: boolean) => ({
      allow: ['superuser' as const],
      roles: [{ name: 'app', attributes: { login: true, connectionLimit: 3, superuser } }],
    });
    expect(diffRoles(contextOf(server(), asked(true))).notes).toEqual([expect.stringContaining('connection limit')]);
    expect(diffRoles(contextOf(server(), asked(false))).notes).toEqual([]);
  });

  test.each([
    [15, 0],
    [16, 1],
  ])('on %i NOINHERIT is said to leave existing memberships as they are: %i notes', (major, count) => {
    const observed = server({ major, roles: { app: {}, group: {} }, memberships: [row('group', 'app')] });
    const { notes } = diffRoles(contextOf(observed, { roles: [{ name: 'app', attributes: { inherit: false } }] }));
    expect(notes).toHaveLength(count);
  });
});
