import { describe, expect, test } from 'vitest';
import type { ObservedServer } from '../../../../domain/access/observed.ts';
import type { AccessDiff } from '../../../../domain/access/roles/context.ts';
import { diffMemberships } from '../../../../domain/access/roles/diff-memberships.ts';
import { diffRoles } from '../../../../domain/access/roles/diff-roles.ts';
import { renderRoles } from '../../../../domain/access/roles/render-roles.ts';
import { simulateRoles } from '../../../../domain/access/roles/simulate-roles.ts';
import { contextOf, creatorRow, type DocumentSpec, LIMITED, row, rowTexts, SUPERUSER, server } from './builders.ts';

type More = NonNullable<Parameters<typeof contextOf>[2]>;

/** Memberships of a document, its roles created first; what is left after them must be nothing. */
function diffOf(
  observed: ObservedServer,
  spec: DocumentSpec,
  more: More = {},
): AccessDiff & { rows: string[]; sql: string[] } {
  const context = contextOf(observed, spec, more);
  const defined = simulateRoles(observed, diffRoles(context).changes);
  const diff = diffMemberships({ ...context, observed: defined });
  const after = simulateRoles(defined, diff.changes);
  if (diff.problems.length === 0 && diff.refusals.length === 0) {
    expect(diffMemberships({ ...context, observed: after }).changes).toEqual([]);
  }
  const sql = renderRoles(diff.changes, defined).flatMap((step) => step.statements.map((statement) => statement.sql));
  return { ...diff, rows: rowTexts(after.memberships), sql };
}

const PEOPLE = { a: {}, b: {}, c: {}, reader: {}, writer: {} };

describe('on 16 and later', () => {
  test('options are always written out, with the defaults of a document', () => {
    const { sql } = diffOf(server({ roles: PEOPLE }), {
      memberships: [
        { role: 'reader', member: 'a' },
        { role: 'writer', member: 'a', inherit: false, set: false, admin: true },
      ],
    });
    expect(sql).toEqual([
      'GRANT "reader" TO "a" WITH ADMIN FALSE, INHERIT TRUE, SET TRUE',
      'GRANT "writer" TO "a" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE',
    ]);
  });

  test('a membership that several grantors gave in parts is complete as it is', () => {
    const observed = server({
      roles: PEOPLE,
      memberships: [
        row('reader', 'b', { admin: true }),
        row('reader', 'a', { inherit: false }),
        row('reader', 'a', { grantor: 'b', set: false }),
      ],
    });
    expect(diffOf(observed, { memberships: [{ role: 'reader', member: 'a' }] }).changes).toEqual([]);
  });

  test('a membership of several grantors is ended for each of them by name', () => {
    const observed = server({
      roles: PEOPLE,
      memberships: [row('reader', 'b', { admin: true }), row('reader', 'a'), row('reader', 'a', { grantor: 'b' })],
    });
    const { sql, rows } = diffOf(observed, { memberships: [{ role: 'reader', member: 'a', absent: true }] });
    expect(sql).toEqual(['REVOKE "reader" FROM "a" GRANTED BY "postgres"', 'REVOKE "reader" FROM "a" GRANTED BY "b"']);
    expect(rows).toEqual(['reader<-b by postgres admin,inherit,set']);
  });

  test("an option that another grantor gave is revoked in that grantor's name", () => {
    const observed = server({
      roles: PEOPLE,
      memberships: [row('reader', 'b', { admin: true }), row('reader', 'a', { grantor: 'b' })],
    });
    const { sql, rows } = diffOf(observed, { memberships: [{ role: 'reader', member: 'a', set: false }] });
    expect(sql).toEqual(['REVOKE SET OPTION FOR "reader" FROM "a" GRANTED BY "b"']);
    expect(rows).toContain('reader<-a by b inherit');
  });

  test('a missing option is added to the own row, and what others gave stays', () => {
    const observed = server({
      roles: PEOPLE,
      memberships: [row('reader', 'b', { admin: true }), row('reader', 'a', { grantor: 'b', set: false })],
    });
    const { rows, sql } = diffOf(observed, { memberships: [{ role: 'reader', member: 'a' }] });
    expect(sql).toHaveLength(1);
    expect(rows).toContain('reader<-a by b inherit');
    expect(rows).toContain('reader<-a by postgres inherit,set');
  });

  test('ADMIN goes by REVOKE: GRANT … WITH ADMIN FALSE would leave behind what the member granted on', () => {
    const observed = server({
      roles: PEOPLE,
      memberships: [row('reader', 'a', { admin: true }), row('reader', 'b', { grantor: 'a' })],
    });
    const { sql, rows } = diffOf(observed, {
      memberships: [
        { role: 'reader', member: 'a', inherit: false },
        { role: 'reader', member: 'b', absent: true },
      ],
    });
    expect(sql).toEqual([
      'GRANT "reader" TO "a" WITH ADMIN TRUE, INHERIT FALSE, SET TRUE',
      'REVOKE ADMIN OPTION FOR "reader" FROM "a" GRANTED BY "postgres" CASCADE',
    ]);
    expect(rows).toEqual(['reader<-a by postgres set']);
  });

  test('what a member granted on stays when the member goes: it is granted again before', () => {
    const observed = server({
      roles: PEOPLE,
      memberships: [
        row('reader', 'a', { admin: true }),
        row('reader', 'b', { grantor: 'a', set: false }),
        row('reader', 'c', { grantor: 'a', admin: true, inherit: false }),
        row('reader', 'writer', { grantor: 'c' }),
      ],
    });
    const { sql, rows } = diffOf(observed, { memberships: [{ role: 'reader', member: 'a', absent: true }] });
    expect(rows).toEqual([
      'reader<-b by postgres inherit',
      'reader<-c by postgres admin,set',
      // Stays as it is: its grantor keeps ADMIN OPTION.
      'reader<-writer by c inherit,set',
    ]);
    expect(sql.at(-1)).toBe('REVOKE "reader" FROM "a" GRANTED BY "postgres" CASCADE');
  });

  test('what a member granted on goes with it where the document ends that, too', () => {
    const observed = server({
      roles: PEOPLE,
      memberships: [row('reader', 'a', { admin: true }), row('reader', 'b', { grantor: 'a' })],
    });
    const { sql, rows } = diffOf(observed, { roles: [{ name: 'reader', members: [] }] });
    expect(rows).toEqual([]);
    expect(sql).toEqual(['REVOKE "reader" FROM "a" GRANTED BY "postgres" CASCADE']);
  });

  test('a grantor that keeps ADMIN from somebody else keeps what it granted', () => {
    const observed = server({
      roles: PEOPLE,
      memberships: [
        row('reader', 'a', { admin: true }),
        row('reader', 'c', { admin: true }),
        row('reader', 'a', { grantor: 'c', admin: true, inherit: false, set: false }),
        row('reader', 'b', { grantor: 'a' }),
      ],
    });
    const { rows } = diffOf(observed, {
      memberships: [{ role: 'reader', member: 'a', admin: true, inherit: false, set: false }],
    });
    expect(rows).toContain('reader<-b by a inherit,set');
  });

  test('the membership that a role gave its creator is neither seen nor revoked', () => {
    const observed = server({ admin: LIMITED, roles: PEOPLE, memberships: [creatorRow('reader')] });
    const { changes, refusals } = diffOf(observed, { roles: [{ name: 'reader', members: [] }] });
    expect({ changes, refusals }).toEqual({ changes: [], refusals: [] });
  });

  test('what a limited admin role grants is recorded under its own name', () => {
    const observed = server({ admin: LIMITED, roles: { a: {} } });
    const { sql, rows } = diffOf(observed, {
      roles: [{ name: 'reader', members: [{ role: 'reader', member: 'a' }] }],
    });
    expect(sql).toEqual([`GRANT "reader" TO "a" WITH ADMIN FALSE, INHERIT TRUE, SET TRUE GRANTED BY "${LIMITED}"`]);
    expect(rows).toEqual([`reader<-a by ${LIMITED} inherit,set`, `reader<-${LIMITED} by postgres admin`]);
  });

  test('ADMIN through an inherited group is that group granting', () => {
    const observed = server({
      admin: LIMITED,
      roles: { ...PEOPLE, ops: {} },
      memberships: [row('ops', LIMITED), row('reader', 'ops', { admin: true })],
    });
    const { rows } = diffOf(observed, { memberships: [{ role: 'reader', member: 'a' }] });
    expect(rows).toContain('reader<-a by ops inherit,set');
  });

  test('nothing is planned that would end the right of the admin role itself', () => {
    const observed = server({
      admin: LIMITED,
      roles: PEOPLE,
      memberships: [row('reader', 'a', { admin: true }), row('reader', LIMITED, { grantor: 'a', admin: true })],
    });
    const { refusals } = diffOf(observed, { memberships: [{ role: 'reader', member: 'a', absent: true }] });
    expect(refusals).toMatchObject([
      { path: 'memberships[0]', remedy: `GRANT "reader" TO "${LIMITED}" WITH ADMIN OPTION` },
    ]);
  });

  test('ADMIN is not granted back to whom the admin role has it from', () => {
    const observed = server({
      admin: LIMITED,
      roles: PEOPLE,
      memberships: [
        row('reader', 'a', { admin: true, inherit: false }),
        row('reader', LIMITED, { grantor: 'a', admin: true }),
      ],
    });
    const { refusals } = diffOf(observed, { memberships: [{ role: 'reader', member: 'a', admin: true }] });
    expect(refusals).toMatchObject([{ path: 'memberships[0]', message: expect.stringContaining('has its own from') }]);
  });
});

describe('before 16', () => {
  test('a membership has no options but ADMIN', () => {
    const observed = server({ major: 15, roles: { ...PEOPLE, quiet: { inherit: false } } });
    const { sql } = diffOf(observed, {
      memberships: [
        { role: 'reader', member: 'a' },
        { role: 'reader', member: 'quiet', inherit: false },
        { role: 'writer', member: 'a', admin: true },
      ],
    });
    expect(sql).toEqual(['GRANT "reader" TO "a", "quiet"', 'GRANT "writer" TO "a" WITH ADMIN OPTION']);
  });

  test("INHERIT that contradicts the member's attribute is a problem that names the version", () => {
    const observed = server({ major: 15, roles: PEOPLE });
    const asked = { memberships: [{ role: 'reader', member: 'a', inherit: false }] };
    expect(diffOf(observed, asked).problems).toEqual([
      { path: 'memberships[0]', message: expect.stringContaining('PostgreSQL 15') },
    ]);
    const withAttribute = { ...asked, roles: [{ name: 'a', attributes: { inherit: false } }] };
    expect(diffOf(observed, withAttribute).problems).toEqual([]);
  });

  test('SET FALSE is a problem', () => {
    const { problems } = diffOf(server({ major: 13, roles: PEOPLE }), {
      memberships: [{ role: 'reader', member: 'a', set: false }],
    });
    expect(problems).toEqual([{ path: 'memberships[0]', message: expect.stringContaining('PostgreSQL 13') }]);
  });

  test('a membership is ended whoever granted it, and ADMIN alone with ADMIN OPTION FOR', () => {
    const observed = server({
      major: 15,
      roles: PEOPLE,
      memberships: [row('reader', 'a', { grantor: 'c' }), row('reader', 'b', { admin: true, grantor: 'c' })],
    });
    const { sql } = diffOf(observed, {
      memberships: [
        { role: 'reader', member: 'a', absent: true },
        { role: 'reader', member: 'b' },
      ],
    });
    expect(sql).toEqual(['REVOKE "reader" FROM "a"', 'REVOKE ADMIN OPTION FOR "reader" FROM "b"']);
  });
});

describe.each([13, 15, 16, 18])('complete lists on %i', (major) => {
  const memberships = [row('reader', 'a'), row('writer', 'a'), row('reader', 'b'), row('writer', 'c')];
  const observed = server({ major, roles: PEOPLE, memberships });
  const left = (spec: DocumentSpec) => diffOf(observed, spec).rows.map((text) => text.split(' ')[0]);

  test('member_of ends all other memberships of that role, and no others', () => {
    const spec = { roles: [{ name: 'a', memberOf: [{ role: 'writer', member: 'a' }] }] };
    expect(left(spec)).toEqual(['reader<-b', 'writer<-a', 'writer<-c']);
  });

  test('members ends all other memberships in that role, and no others', () => {
    const spec = { roles: [{ name: 'reader', members: [{ role: 'reader', member: 'c' }] }] };
    expect(left(spec)).toEqual(['reader<-c', 'writer<-a', 'writer<-c']);
  });

  test('a role without lists keeps its memberships', () => {
    expect(left({ roles: [{ name: 'a' }, { name: 'reader' }] })).toHaveLength(4);
  });
});

describe('contradictions and impossible requests', () => {
  const observed = server({ roles: PEOPLE, memberships: [row('reader', 'writer')] });
  const problemsOf = (spec: DocumentSpec) => diffOf(observed, spec).problems;

  test('a single membership beside a complete list that lacks it', () => {
    const spec = { roles: [{ name: 'a', memberOf: [] }], memberships: [{ role: 'reader', member: 'a' }] };
    expect(problemsOf(spec)).toEqual([
      { path: 'memberships[0]', message: expect.stringContaining('roles[0].member_of') },
    ]);
  });

  test('the same membership with other options, or present and absent', () => {
    for (const second of [{ inherit: false }, { absent: true }]) {
      const pair = { role: 'reader', member: 'a' };
      expect(problemsOf({ memberships: [pair, { ...pair, ...second }] })).toEqual([
        { path: 'memberships[1]', message: expect.stringContaining('memberships[0]') },
      ]);
    }
  });

  test('a role that neither exists nor is created', () => {
    const spec = {
      roles: [{ name: 'made' }],
      memberships: [
        { role: 'reader', member: 'made' },
        { role: 'reader', member: 'nobody' },
        { role: 'pg_maintain', member: 'a' },
      ],
    };
    expect(problemsOf(spec)).toEqual([
      { path: 'memberships[1]', message: expect.stringContaining('"nobody"') },
      { path: 'memberships[2]', message: expect.stringContaining('PostgreSQL 17') },
    ]);
  });

  test('the end of a membership of a role that is gone asks for nothing', () => {
    const spec = { memberships: [{ role: 'reader', member: 'nobody', absent: true }] };
    expect(diffOf(observed, spec)).toMatchObject({ changes: [], problems: [] });
  });

  test('pg_database_owner has no members and is none', () => {
    const spec = {
      memberships: [
        { role: 'pg_database_owner', member: 'a' },
        { role: 'reader', member: 'pg_database_owner' },
      ],
    };
    expect(problemsOf(spec).map(({ path }) => path)).toEqual(['memberships[0]', 'memberships[1]']);
  });

  test('a loop with what stays on the server, or with itself', () => {
    expect(problemsOf({ memberships: [{ role: 'writer', member: 'reader' }] })).toEqual([
      { path: 'memberships[0]', message: expect.stringContaining('member') },
    ]);
    expect(problemsOf({ memberships: [{ role: 'a', member: 'a' }] })).toHaveLength(1);
  });

  test('a membership that turns round is first revoked, then granted', () => {
    const { sql, problems } = diffOf(observed, {
      memberships: [
        { role: 'reader', member: 'writer', absent: true },
        { role: 'writer', member: 'reader' },
      ],
    });
    expect(problems).toEqual([]);
    expect(sql.map((text) => text.split(' ')[0])).toEqual(['REVOKE', 'GRANT']);
  });
});

describe('rules', () => {
  const foreign = new Map([['theirs', 'database/storefront']]);
  const roles = { ...PEOPLE, theirs: {}, dba: { superuser: true }, ops: {} };
  const observed = server({
    roles,
    memberships: [row('reader', 'theirs'), row('pg_read_server_files', 'ops'), row('pg_monitor', 'writer')],
  });

  test("another owner's role gets no membership unless it is adopted", () => {
    const memberships = [{ role: 'writer', member: 'theirs' }];
    const { changes, refusals } = diffOf(observed, { memberships }, { foreign });
    expect(changes).toEqual([]);
    expect(refusals).toEqual([{ path: 'memberships[0]', message: expect.stringContaining('database/storefront') }]);
    const adopted = diffOf(observed, { memberships, roles: [{ name: 'theirs', adopt: true }] }, { foreign });
    expect(adopted).toMatchObject({ refusals: [], changes: [{ member: 'theirs' }] });
  });

  test("an own group may end the membership of another owner's role", () => {
    const { rows, refusals } = diffOf(observed, { roles: [{ name: 'reader', members: [] }] }, { foreign });
    expect(refusals).toEqual([]);
    expect(rows).not.toContain('reader<-theirs by postgres inherit,set');
    const complete = diffOf(observed, { roles: [{ name: 'theirs', memberOf: [] }] }, { foreign });
    expect(complete.refusals).toEqual([{ path: 'roles[0].member_of', message: expect.any(String) }]);
  });

  test("who all the members of another owner's group are is not for this document to say", () => {
    const members = server({ roles, memberships: [row('theirs', 'a')] });
    const ask = (more: object) => diffOf(members, { roles: [{ name: 'theirs', members: [], ...more }] }, { foreign });
    expect(ask({})).toMatchObject({ changes: [], refusals: [{ path: 'roles[0].members' }] });
    expect(ask({ adopt: true })).toMatchObject({ refusals: [], changes: [{ member: 'a' }] });
  });

  test("the control plane's own role is neither granted nor made a member", () => {
    const limited = server({ admin: LIMITED, roles, memberships: [creatorRow('reader')] });
    const { changes, refusals } = diffOf(limited, {
      memberships: [
        { role: LIMITED, member: 'a' },
        { role: 'reader', member: LIMITED },
      ],
    });
    expect(changes).toEqual([]);
    expect(refusals.map(({ path }) => path)).toEqual(['memberships[0]', 'memberships[1]']);
  });

  test.each([
    ['server_access', 'pg_read_server_files'],
    ['server_access', 'ops'],
    ['superuser', 'dba'],
  ] as const)('"allow" must list %s to grant %s', (allowance, role) => {
    const memberships = [{ role, member: 'a' }];
    expect(diffOf(observed, { memberships })).toMatchObject({
      changes: [],
      refusals: [{ path: 'memberships[0]', message: expect.stringContaining(`"${allowance}"`) }],
    });
    expect(diffOf(observed, { memberships, allow: [allowance] })).toMatchObject({ refusals: [], changes: [{ role }] });
    expect(
      diffOf(observed, { memberships: [{ ...memberships[0], role, member: 'a', absent: true }] }).refusals,
    ).toEqual([]);
  });

  test('roles of PostgreSQL itself get no memberships and keep theirs', () => {
    const builtin = server({ roles: PEOPLE, memberships: [row('reader', 'pg_monitor')] });
    const { changes, refusals } = diffOf(builtin, { roles: [{ name: 'reader', members: [] }] });
    expect(changes).toEqual([]);
    expect(refusals).toHaveLength(1);
  });

  test('a superuser admin that is not the bootstrap superuser grants in its name', () => {
    const other = server({ admin: 'dba', roles });
    expect(diffOf(other, { memberships: [{ role: 'reader', member: 'a' }] }).rows).toEqual([
      `reader<-a by ${SUPERUSER} inherit,set`,
    ]);
  });
});
