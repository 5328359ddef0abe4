import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AccessDocument } from '../../../../domain/access/document.ts';
import type { ObservedDatabase, ObservedServer } from '../../../../domain/access/observed.ts';
import { planAccess } from '../../../../domain/access/planner/plan-access.ts';
import { beginPlan, type PlanInput, type PlanResult } from '../../../../domain/access/planner/planning.ts';
import { build } from '../privileges/support/build.ts';
import { documents, steps } from '../privileges/support/random.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Two databases in random states, and a document about both. */
function cases(versionNum: number) {
  const half = fc.record({ state: steps(versionNum), document: documents(versionNum, { owners: true }) });
  return fc.record({ shop: half, bakery: half, superuser: fc.boolean() }).map(({ shop, bakery, superuser }) => {
    const server = build(versionNum, shop.state);
    const other = build(versionNum, bakery.state).databases.get('shop');
    if (other === undefined) throw new Error('no database shop');
    const databases = new Map([...server.databases, ['bakery', { ...other, name: 'bakery', oid: other.oid + 1 }]]);
    const admin = { ...server.admin, superuser, name: superuser ? server.admin.name : 'e' };
    const document: AccessDocument = {
      ...shop.document,
      databases: [
        ...shop.document.databases,
        ...bakery.document.databases.map((desired) => ({ ...desired, name: 'bakery', at: 'databases[1]' })),
      ],
    };
    return { observed: { ...server, admin, databases }, document };
  });
}

function withoutContents(server: ObservedServer): ObservedServer {
  const bare = ({ contents: _, ...database }: ObservedDatabase) => database;
  return { ...server, databases: new Map([...server.databases].map(([name, each]) => [name, bare(each)])) };
}

function whole(result: PlanResult) {
  return result.ok ? { plan: result.plan, changes: result.changes, after: result.after } : result.problems;
}

test.each([130_000, 180_000])(
  'databases that are planned while others are read give the same plan, on version %i',
  (versionNum) => {
    let planned = 0;
    fc.assert(
      fc.property(cases(versionNum), fc.subarray(['shop', 'bakery']), ({ observed, document }, early) => {
        const context: Omit<PlanInput, 'observed'> = {
          document,
          changedPasswords: new Set(),
          foreign: new Map(),
          sha256,
        };
        const planning = beginPlan({ ...context, observed: withoutContents(observed) });
        for (const name of early) {
          const database = observed.databases.get(name);
          if (database !== undefined) planning.add(database);
        }
        const result = planning.finish(observed);
        expect(whole(result)).toEqual(whole(planAccess({ ...context, observed })));
        if (result.ok && result.plan.steps.length > 0) planned += 1;
      }),
      { numRuns: 100 },
    );
    expect(planned).toBeGreaterThan(10);
  },
);
