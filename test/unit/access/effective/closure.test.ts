import { describe, expect, it } from 'vitest';
import { createMembershipGraph } from '../../../../domain/access/effective/closure.ts';
import type { ObservedMembership } from '../../../../domain/access/observed.ts';
import { type StateInput, stateOf } from './support/states.ts';

function graphOf(memberships: string[], roles: StateInput['roles'] = {}, versionNum = 180_000) {
  return createMembershipGraph(stateOf({ versionNum, roles, memberships }));
}

describe('memberships', () => {
  it('the shortest path leads to a role, and among several the first by name', () => {
    const graph = graphOf(['c > a', 'b > a', 'd > c', 'd > b', 'e > d', 'e > a']);
    const reach = graph.reach('inherit', 'a');
    expect([...reach.roles()]).toEqual(['a', 'b', 'c', 'e', 'd']);
    expect(reach.pathTo('d')).toEqual(['a', 'b', 'd']);
    expect(reach.pathTo('e')).toEqual(['a', 'e']);
    expect(reach.pathTo('x')).toBeUndefined();
  });

  it('all paths are found, shortest first', () => {
    const graph = graphOf(['b > a', 'c > a', 'd > b', 'd > c', 'e > d', 'e > a', 'x > a']);
    expect(graph.paths('inherit', { role: 'a', to: 'e', limit: 10 })).toEqual([
      ['a', 'e'],
      ['a', 'b', 'd', 'e'],
      ['a', 'c', 'd', 'e'],
    ]);
    expect(graph.paths('inherit', { role: 'a', to: 'e', limit: 2 })).toHaveLength(2);
  });

  it('options of several grantors count together, and of a path every step', () => {
    const graph = graphOf(['g > a -inherit by x', 'g > a -set by y', 'h > g -set', 'k > g -inherit']);
    expect([...graph.reach('inherit', 'a').roles()]).toEqual(['a', 'g', 'h']);
    expect([...graph.reach('set', 'a').roles()]).toEqual(['a', 'g', 'k']);
    expect([...graph.reach('member', 'a').roles()]).toEqual(['a', 'g', 'h', 'k']);
  });

  it('members are those that inherit, and those that only SET ROLE leads there', () => {
    const graph = graphOf(['g > team', 'team > a', 'team > b -inherit', 'b > c', 'g > d -inherit -set']);
    expect([...graph.membersOf('g').inheriting]).toEqual(['g', 'team', 'a']);
    expect([...graph.membersOf('g').bySetRole]).toEqual(['b', 'c']);
  });

  it('a cycle ends', () => {
    const graph = graphOf(['a > b', 'b > c', 'c > a']);
    expect([...graph.reach('inherit', 'a').roles()]).toEqual(['a', 'c', 'b']);
    expect(graph.paths('inherit', { role: 'a', to: 'b', limit: 10 })).toEqual([['a', 'c', 'b']]);
    expect(graph.membersOf('a').inheriting.size).toBe(3);
  });

  it("a database's owner and its members are members of pg_database_owner there, and nowhere else", () => {
    const graph = graphOf(['owner > a'], { owner: {} });
    expect(graph.reach('inherit', 'a', 'owner').pathTo('pg_database_owner')).toEqual([
      'a',
      'owner',
      'pg_database_owner',
    ]);
    expect(graph.reach('inherit', 'a', 'other').has('pg_database_owner')).toBe(false);
    expect(graph.reach('inherit', 'a').has('pg_database_owner')).toBe(false);
    expect([...graph.membersOf('pg_database_owner', 'owner').inheriting]).toEqual(['pg_database_owner', 'owner', 'a']);
  });

  it('before 16 an owner without INHERIT has pg_database_owner only by SET ROLE', () => {
    const roles = { owner: { inherit: false } };
    const old = graphOf([], roles, 150_000);
    expect(old.reach('inherit', 'owner', 'owner').has('pg_database_owner')).toBe(false);
    expect(old.reach('set', 'owner', 'owner').has('pg_database_owner')).toBe(true);
    expect(graphOf([], roles, 160_000).reach('inherit', 'owner', 'owner').has('pg_database_owner')).toBe(true);
  });

  it('the same state is prepared once, another one anew', () => {
    const state = stateOf({ roles: {}, memberships: ['g > a'] });
    expect(createMembershipGraph(Object.assign({}, state))).toBe(createMembershipGraph(state));
    const added: ObservedMembership = { role: 'h', member: 'a', grantor: 'x', admin: false, inherit: true, set: true };
    const more = createMembershipGraph({ ...state, memberships: [...state.memberships, added] });
    expect(more.reach('inherit', 'a').has('h')).toBe(true);
  });

  it('thousands of roles in deep and wide groups are answered for each of them', () => {
    const memberships = Array.from({ length: 5_000 }, (_, at) => `g${at % 50} > u${at}`);
    for (let at = 1; at < 50; at += 1) memberships.push(`g${at} > g${at - 1}`);
    const graph = graphOf(memberships);
    const sizes = Array.from({ length: 5_000 }, (_, at) => [...graph.reach('inherit', `u${at}`).roles()].length);
    expect(sizes[0]).toBe(51);
    expect(sizes[4_999]).toBe(2);
  });

  it('exponentially many paths are cut off', () => {
    const memberships: string[] = [];
    for (let level = 0; level < 30; level += 1) {
      for (const from of ['x', 'y'])
        for (const to of ['x', 'y']) memberships.push(`${to}${level + 1} > ${from}${level}`);
    }
    expect(graphOf(memberships).paths('inherit', { role: 'x0', to: 'x30', limit: 50 })).toHaveLength(50);
  });
});
