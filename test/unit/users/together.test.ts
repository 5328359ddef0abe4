import { describe, expect, test } from 'vitest';
import { type Item, independent } from '../../../activities/control/access/batch/items.ts';
import { divide, NO_FACTS, outcomeOfFollower } from '../../../activities/control/access/batch/together.ts';
import { parseDocument } from '../../../domain/access/document/parse.ts';
import { documentLocks, documentTargets } from '../../../domain/access/locks.ts';
import type { ObservedServer } from '../../../domain/access/observed.ts';
import type { AccessOptions } from '../../../domain/access/request-options.ts';
import { renderTaskMarker } from '../../../domain/marker.ts';

const INSTALLATION = '00000000-0000-4000-8000-000000000000';
const idOf = (n: number) => `00000000-0000-7000-8000-00000000000${n}`;

function itemOf(n: number, document: unknown, options: AccessOptions): Item {
  const parsed = parseDocument(document);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { condition, shared, fill } = options;
  const together = shared
    ? JSON.stringify([document, fill])
    : condition?.when === 'absent'
      ? `absent:${condition.role}`
      : undefined;
  return {
    work: { taskId: idOf(n), options } as Item['work'],
    request: { document: parsed.document, passwords: new Map(), foreign: new Map(), withoutAdminRole: false },
    home: null,
    locks: documentLocks(parsed.document),
    targets: documentTargets(parsed.document),
    together,
    facts: NO_FACTS,
    clusterRole: undefined,
  };
}

const creation = (n: number, role: string, group = 'g') =>
  itemOf(n, { roles: [{ name: role, member_of: [group] }] }, { condition: { role, when: 'absent' } });
const reset = (n: number, role: string, more: Partial<AccessOptions> = {}) =>
  itemOf(n, { roles: [{ name: role }] }, { condition: { role, when: 'present' }, shared: true, ...more });

function serverWith(...roles: { name: string; comment?: string }[]): ObservedServer {
  const observed = roles.map(({ name, comment = null }) => [name, { name, comment, attributes: {} }] as const);
  return { admin: { name: 'admin' }, roles: new Map(observed), memberships: [] } as unknown as ObservedServer;
}

const ids = (items: readonly Item[]) => items.map(({ work }) => work.taskId);

describe('requests that would make one role', () => {
  test('come in one round, whatever else they ask for, and one of them acts', () => {
    const items = [creation(1, 'a'), creation(2, 'a', 'other'), creation(3, 'b'), creation(4, 'a')];
    expect(ids(independent(items).now)).toEqual(ids(items));
    const { acting, following, settled } = divide(items, serverWith());
    expect(ids(acting)).toEqual([idOf(1), idOf(3)]);
    expect(following.map(({ item, leader }) => [item.work.taskId, leader.work.taskId])).toEqual([
      [idOf(2), idOf(1)],
      [idOf(4), idOf(1)],
    ]);
    expect(settled.size).toBe(0);
  });

  test('find nothing to do where there is one', () => {
    const { acting, settled } = divide([creation(1, 'a'), creation(2, 'a')], serverWith({ name: 'a' }));
    expect(acting).toEqual([]);
    expect([...settled.values()].map((outcome) => outcome.state === 'done' && outcome.more)).toEqual([
      { existed: true },
      { existed: true },
    ]);
  });

  test('after a crash the one that has made it is told so, and no other', () => {
    const comment = renderTaskMarker({ installationId: INSTALLATION, taskId: idOf(2) });
    const { acting, settled } = divide(
      [creation(1, 'a'), creation(2, 'a'), creation(3, 'a')],
      serverWith({ name: 'a', comment }),
    );
    expect(ids(acting)).toEqual([idOf(2)]);
    expect([...settled.keys()]).toEqual([idOf(1), idOf(3)]);
  });

  test('try again where the one that acted failed', () => {
    const [leader, follower] = [creation(1, 'a'), creation(2, 'a')];
    expect(outcomeOfFollower(follower, leader, { state: 'failed', failure: new Error('no') as never }).state).toBe(
      'waiting',
    );
  });
});

describe('the same change of several callers', () => {
  test('is carried out once, and all have what came of it', () => {
    const items = [reset(1, 'a'), reset(2, 'a'), reset(3, 'b')];
    expect(ids(independent(items).now)).toEqual(ids(items));
    const { acting, following } = divide(items, serverWith({ name: 'a' }, { name: 'b' }));
    expect(ids(acting)).toEqual([idOf(1), idOf(3)]);
    const [{ item, leader } = { item: items[0], leader: items[0] }] = following;
    const outcome = outcomeOfFollower(item as Item, leader as Item, {
      state: 'done',
      roles: [{ name: 'a', oid: 1, created: false, passwordSet: undefined }],
      steps: [],
      passwordsCompared: true,
      plainText: false,
    });
    expect(outcome).toMatchObject({ state: 'done', roles: [], more: { shared_with: idOf(1) } });
  });

  test('waits for its turn behind another change of the role', () => {
    const { now, later } = independent([creation(1, 'a'), reset(2, 'a'), reset(3, 'a')]);
    expect([ids(now), ids(later)]).toEqual([[idOf(1)], [idOf(2), idOf(3)]]);
  });

  test('is judged for each of them: who may not ask for it has no part in it', () => {
    const confined = reset(2, 'a', { condition: { role: 'a', when: 'present', environments: ['qa'] } });
    const facts = { foreignOwner: undefined, environment: 'dev', known: true, environmentsOfServer: ['dev'] };
    const { acting, settled, following } = divide([reset(1, 'a'), { ...confined, facts }], serverWith({ name: 'a' }));
    expect([ids(acting), [...settled.keys()], following]).toEqual([[idOf(1)], [idOf(2)], []]);
  });
});
