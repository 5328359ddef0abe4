import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AccessDocument } from '../../../../domain/access/document.ts';
import type { ObservedObject, ObservedServer } from '../../../../domain/access/observed.ts';
import { type Held, heldByGrantee, NOTHING_HELD } from '../../../../domain/access/privileges/acl-list.ts';
import { databaseObject } from '../../../../domain/access/privileges/contents-index.ts';
import { diffObjects } from '../../../../domain/access/privileges/diff-objects.ts';
import { diffOwners } from '../../../../domain/access/privileges/diff-owners.ts';
import { renderPrivileges } from '../../../../domain/access/privileges/render.ts';
import { simulatePrivileges } from '../../../../domain/access/privileges/simulate.ts';
import { refLabel } from '../../../../domain/access/refs.ts';
import { build } from './support/build.ts';
import { rightsAsText } from './support/compare.ts';
import { documents, steps } from './support/random.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 400);

function cases(versionNum: number) {
  return fc.record({
    state: steps(versionNum).map((list) => build(versionNum, list)),
    document: documents(versionNum, { owners: true }),
  });
}

/** What each grantee has directly on each object and column. */
function holdings(observed: ObservedServer): Map<string, { object: ObservedObject; grantee: string; held: Held }> {
  const all = new Map<string, { object: ObservedObject; grantee: string; held: Held }>();
  const shop = observed.databases.get('shop');
  if (shop === undefined) throw new Error('no database shop');
  for (const object of [databaseObject(shop), ...(shop.contents?.objects ?? [])]) {
    const lists: [string, ObservedObject['acl']][] = [['', object.acl], ...(object.columns ?? [])];
    for (const [column, acl] of lists) {
      for (const [grantee, held] of heldByGrantee(acl)) {
        all.set(`${refLabel(object)}.${column} ${grantee}`, { object, grantee, held });
      }
    }
  }
  return all;
}

function mentioned(document: AccessDocument): Set<string> {
  const [shop] = document.databases;
  if (shop === undefined) throw new Error('no database in the document');
  return new Set([...shop.exactGrantees, ...shop.revokes.flatMap(({ to }) => to)]);
}

describe.each([130_000, 180_000])('any document on any state of version %i', (versionNum) => {
  test('is reached by its changes: comparing again finds nothing', () => {
    let planned = 0;
    fc.assert(
      fc.property(cases(versionNum), ({ state, document }) => {
        const found = diffObjects({ document, observed: state });
        if (found.problems.length > 0) return;
        planned += 1;
        const after = simulatePrivileges(state, found.changes);
        expect(diffObjects({ document, observed: after }).changes).toEqual([]);
        expect(diffObjects({ document, observed: after }).problems).toEqual([]);
      }),
      { numRuns: RUNS },
    );
    expect(planned).toBeGreaterThan(RUNS / 4);
  });

  test('takes nothing from grantees that it does not take anything from', () => {
    fc.assert(
      fc.property(cases(versionNum), ({ state, document }) => {
        const found = diffObjects({ document, observed: state });
        if (found.problems.length > 0) return;
        const losing = mentioned(document);
        const before = simulatePrivileges(state, diffOwners({ document, observed: state }).changes);
        const after = holdings(simulatePrivileges(state, found.changes));
        for (const [key, { object, grantee, held }] of holdings(before)) {
          const isOwner = grantee === object.owner;
          if (losing.has(grantee) && !isOwner) continue;
          const now = after.get(key)?.held ?? NOTHING_HELD;
          expect({ key, lost: held.privileges & ~now.privileges }).toEqual({ key, lost: 0 });
          // An owner has every grant option without any entry.
          if (!isOwner) expect({ key, lost: held.grantable & ~now.grantable }).toEqual({ key, lost: 0 });
        }
      }),
      { numRuns: RUNS },
    );
  });

  test('gives nothing that is not asked for', () => {
    fc.assert(
      fc.property(cases(versionNum), ({ state, document }) => {
        const bare = structuredClone(document);
        for (const shop of bare.databases) {
          shop.grants = [];
          shop.defaultPrivileges = [];
        }
        const found = diffObjects({ document: bare, observed: state });
        if (found.problems.length > 0) return;
        const before = holdings(simulatePrivileges(state, diffOwners({ document: bare, observed: state }).changes));
        for (const [key, { held }] of holdings(simulatePrivileges(state, found.changes))) {
          const had = before.get(key)?.held ?? NOTHING_HELD;
          expect({ key, gained: held.privileges & ~had.privileges }).toEqual({ key, gained: 0 });
          expect({ key, gained: held.grantable & ~had.grantable }).toEqual({ key, gained: 0 });
        }
      }),
      { numRuns: RUNS },
    );
  });

  test('makes the same plan whatever order the catalogs are read in', () => {
    fc.assert(
      fc.property(cases(versionNum), ({ state, document }) => {
        const shop = state.databases.get('shop');
        if (shop?.contents === undefined) throw new Error('no contents');
        const { objects, defaults } = shop.contents;
        const reordered = { ...shop, contents: { objects: objects.toReversed(), defaults: defaults.toReversed() } };
        const other = { ...state, databases: new Map([['shop', reordered]]) };
        const found = diffObjects({ document, observed: state });
        expect(diffObjects({ document, observed: other })).toEqual(found);
        if (found.problems.length > 0) return;
        expect(renderPrivileges(found.changes, other)).toEqual(renderPrivileges(found.changes, state));
        expect(rightsAsText(simulatePrivileges(other, found.changes), ['shop'])).toEqual(
          rightsAsText(simulatePrivileges(state, found.changes), ['shop']),
        );
      }),
      { numRuns: RUNS / 5 },
    );
  });
});
