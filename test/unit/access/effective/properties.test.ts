import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMembershipGraph } from '../../../../domain/access/effective/closure.ts';
import { explainAccess } from '../../../../domain/access/effective/explain.ts';
import { computeImpact } from '../../../../domain/access/effective/impact.ts';
import { listPrivileges } from '../../../../domain/access/effective/privileges.ts';
import { COLUMN_PRIVILEGES, privilegesOf } from '../../../../domain/access/objects.ts';
import type { ObservedDatabase, ObservedObject, ObservedServer } from '../../../../domain/access/observed.ts';
import type { PrivilegeName } from '../../../../domain/access/privileges.ts';
import { refLabel } from '../../../../domain/access/refs.ts';
import { naiveModel } from './support/naive.ts';
import { states } from './support/random-states.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 40);
const NOW = new Date('2026-05-01T00:00:00Z');

function shopOf(server: ObservedServer): ObservedDatabase {
  return server.databases.get('shop') as ObservedDatabase;
}

/** Every question about a state: role, object, privilege, and column where it has any. */
function* questions(server: ObservedServer): Generator<[ObservedObject, PrivilegeName, string | undefined]> {
  for (const object of shopOf(server).contents?.objects ?? []) {
    for (const privilege of privilegesOf(object.kind, server.versionNum)) {
      yield [object, privilege, undefined];
      if (object.kind !== 'table' || !COLUMN_PRIVILEGES.includes(privilege)) continue;
      for (const column of ['x', 'y']) yield [object, privilege, column];
    }
  }
}

describe.each([150_000, 180_000])('on version %i', (versionNum) => {
  it('memberships lead where a naive reading of the rows says', () => {
    fc.assert(
      fc.property(states(versionNum), (server) => {
        const model = naiveModel(server, shopOf(server));
        const graph = createMembershipGraph(server);
        const { owner } = shopOf(server);
        for (const member of server.roles.keys()) {
          for (const role of server.roles.keys()) {
            for (const kind of ['inherit', 'set'] as const) {
              const expected = model.reaches(kind, member, role);
              expect(graph.reach(kind, member, owner).has(role)).toBe(expected);
              const path = graph.reach(kind, member, owner).pathTo(role) ?? [];
              expect([path.at(0), path.at(-1)]).toEqual(expected ? [member, role] : [undefined, undefined]);
              const paths = graph.paths(kind, { role: member, to: role, databaseOwner: owner, limit: 100 });
              expect(paths.length > 0).toBe(expected);
              expect(new Set(paths.map((names) => names.join())).size).toBe(paths.length);
            }
            expect(graph.membersOf(role, owner).inheriting.has(member)).toBe(model.reaches('inherit', member, role));
          }
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('what is explained as allowed and usable is what a naive reading of the lists says', () => {
    fc.assert(
      fc.property(states(versionNum), (server) => {
        const model = naiveModel(server, shopOf(server));
        for (const role of server.roles.keys()) {
          for (const [object, privilege, column] of questions(server)) {
            const question = {
              role,
              database: 'shop',
              object,
              privilege,
              now: NOW,
              ...(column === undefined ? {} : { column }),
            };
            const answer = explainAccess(server, question);
            const about = `${role} ${privilege} ${refLabel(object)} ${column}`;
            expect([about, answer.allowed]).toEqual([about, model.allowed(role, object, privilege, column)]);
            const inside = model.setRoles(role).some((target) => model.usableInside(target, object, privilege, column));
            if (server.roles.get(role)?.attributes.login !== true) continue;
            const usable = model.enters(role) && model.usableInside(role, object, privilege, column);
            expect([about, answer.usable]).toEqual([about, usable]);
            expect([about, answer.usable || answer.setRoles.length > 0]).toEqual([
              about,
              usable || (model.enters(role) && inside),
            ]);
          }
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('the list of what a role can do holds exactly what is allowed', () => {
    fc.assert(
      fc.property(states(versionNum), (server) => {
        const model = naiveModel(server, shopOf(server));
        for (const role of server.roles.keys()) {
          const { rows } = listPrivileges(server, role);
          const own = rows.filter(({ via }) => via !== 'set_role');
          for (const [object, privilege, column] of questions(server)) {
            const isListed = own.some((row) => {
              if (row.via === 'superuser') return true;
              const isThere = row.kind === object.kind && row.schema === object.schema;
              const isNamed = row.names.some((name) => name.replace('()', '') === object.name);
              const isPlace = row.column === undefined || row.column === column;
              return isThere && isNamed && isPlace && row.privileges.includes(privilege);
            });
            const about = `${role} ${privilege} ${refLabel(object)} ${column}`;
            expect([about, isListed]).toEqual([about, model.allowed(role, object, privilege, column)]);
          }
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('an impact tells every right that logins gain or lose on an object, and nothing that they do not', () => {
    let told = 0;
    fc.assert(
      fc.property(states(versionNum), states(versionNum), fc.boolean(), (one, other, sameRoles) => {
        // Either anything changes, or only rights do, so that the paths for unchanged objects and roles are both taken.
        const after = sameRoles
          ? { ...other, roles: one.roles, memberships: one.memberships }
          : { ...one, roles: other.roles, memberships: other.memberships };
        for (const [from, to] of [
          [one, after],
          [after, one],
        ] as const) {
          const { gained, lost } = computeImpact({ before: from, after: to, changes: [] });
          told += gained.length;
          expect(entriesOf(gained)).toEqual(expectedGains(from, to));
          expect(entriesOf(lost)).toEqual(expectedGains(to, from));
        }
      }),
      { numRuns: RUNS },
    );
    expect(told).toBeGreaterThan(RUNS);
  });
});

/** `alice SELECT table app.t1`, and `SELECT (x)` for columns; without the entries on getting into the database. */
function entriesOf(changes: ReturnType<typeof computeImpact>['gained']): string[] {
  return changes
    .filter(({ privilege, object }) => privilege !== 'ALL' && !object.startsWith('database'))
    .flatMap(({ logins, privilege, object, bySetRole }) => {
      const [name = '', columns] = privilege.split(' (');
      const privileges =
        columns === undefined
          ? [name]
          : columns
              .replace(')', '')
              .split(', ')
              .map((column) => `${name} (${column})`);
      return privileges.flatMap((each) =>
        logins.map((login) => `${login} ${each} ${object}${bySetRole ? ' by SET ROLE' : ''}`),
      );
    })
    .toSorted();
}

/** What is usable now, was not held before, and is not explained by superusers. */
function expectedGains(from: ObservedServer, to: ObservedServer): string[] {
  const before = naiveModel(from, shopOf(from));
  const after = naiveModel(to, shopOf(to));
  const found: string[] = [];
  for (const login of to.roles.keys()) {
    if (before.isSuperuser(login) || after.isSuperuser(login) || !after.enters(login)) continue;
    const isMighty = before.setRoles(login).some(before.isSuperuser);
    const becomesMighty = after.setRoles(login).some(after.isSuperuser);
    for (const [object, privilege, column] of questions(to)) {
      const old = objectIn(from, object);
      const heldWhole = column !== undefined && after.allowed(login, object, privilege);
      if (column !== undefined && !hasList(object, column) && !hasList(old, column)) continue;
      const text = `${login} ${privilege}${column === undefined ? '' : ` (${column})`} ${refLabel(object)}`;
      const held = before.allowed(login, old, privilege, column);
      const usable = after.usableInside(login, object, privilege, column);
      if (usable && !held && !heldWhole) found.push(text);
      if (usable || held || isMighty || becomesMighty) continue;
      const bySetRole = (model: typeof after, of: ObservedObject, at: string | undefined, isUsable: boolean) =>
        model
          .setRoles(login)
          .filter((role) => role !== 'pg_database_owner')
          .some((role) =>
            isUsable ? model.usableInside(role, of, privilege, at) : model.allowed(role, of, privilege, at),
          );
      const wasReached = bySetRole(before, old, column, false);
      const reachesWhole = column !== undefined && bySetRole(after, object, undefined, true);
      if (bySetRole(after, object, column, true) && !wasReached && !reachesWhole) found.push(`${text} by SET ROLE`);
    }
  }
  return found.toSorted();
}

function hasList(object: ObservedObject, column: string): boolean {
  return object.columns?.has(column) === true;
}

function objectIn(server: ObservedServer, ref: ObservedObject): ObservedObject {
  return shopOf(server).contents?.objects.find((object) => refLabel(object) === refLabel(ref)) as ObservedObject;
}
