import type { Change } from '../../../../../domain/access/changes.ts';
import type { ObservedMembership, ObservedObject, ObservedServer } from '../../../../../domain/access/observed.ts';
import { PUBLIC } from '../../../../../domain/access/observed.ts';
import { observedObject } from '../../../../../domain/access/privileges/acting-role.ts';
import { simulatePrivileges } from '../../../../../domain/access/privileges/simulate.ts';
import { maskOf } from '../../../../../domain/access/privileges.ts';
import { ROLES, type Step } from './random.ts';
import { database, object, role, schema, server } from './server.ts';

/** The state that random steps start from. */
function startingState(versionNum: number): ObservedServer {
  const relation = versionNum >= 170_000 ? 'arwdDxtm' : 'arwdDxt';
  const t1 = object('table', 't1', `owner=${relation}/owner`, { columnNames: ['a', 'b'] });
  return server({
    versionNum,
    roles: [...ROLES],
    databases: [
      database([
        schema(),
        t1,
        object('table', 't2', `other=${relation}/other`, { owner: 'other', columnNames: ['a', 'b'] }),
        object('view', 'v1', `owner=${relation}/owner`, { columnNames: ['a', 'b'] }),
        object('sequence', 's1', 'owner=rwU/owner', { ownedBy: t1.oid }),
        object('sequence', 's2', 'other=rwU/other', { owner: 'other' }),
        object('routine', 'f1', '=X/owner,owner=X/owner', { args: 'integer' }),
        object('routine', 'f1', '=X/other,other=X/other', { args: 'text', owner: 'other' }),
        object('type', 'ty', '=U/owner,owner=U/owner'),
      ]),
    ],
  });
}

/** The state after the steps that a server would carry out; without chains that close, as servers refuse them. */
export function build(versionNum: number, steps: readonly Step[]): ObservedServer {
  return steps.reduce(takeStep, startingState(versionNum));
}

function takeStep(state: ObservedServer, step: Step): ObservedServer {
  switch (step.do) {
    case 'superuser': {
      const roles = new Map(state.roles);
      return { ...state, roles: roles.set(step.role, role(step.role, { superuser: true })) };
    }
    case 'member':
      return withMembership(state, step);
    case 'own':
      return withOwner(state, step);
    case 'default': {
      if (step.option && step.to === PUBLIC) return state;
      const { creator, schema: place, on, to, privileges, isGrant, option } = step;
      const change = { database: 'shop', creator, schema: place, on, grantee: to, privileges: maskOf(privileges) };
      return simulatePrivileges(state, [
        isGrant
          ? { ...change, type: 'grant_default', grantOption: option }
          : { ...change, type: 'revoke_default', grantOptionOnly: option },
      ]);
    }
    default: {
      const change = rightsChange(state, step);
      return change === undefined ? state : simulatePrivileges(state, [change]);
    }
  }
}

/** Members come later in the list of roles, so that nobody is a member of itself. */
function withMembership(
  state: ObservedServer,
  { role: group, member }: { role: string; member: string },
): ObservedServer {
  if (rank(member) <= rank(group)) return state;
  const added: ObservedMembership = {
    role: group,
    member,
    grantor: 'postgres',
    admin: false,
    inherit: true,
    set: true,
  };
  return { ...state, memberships: [...state.memberships, added] };
}

function withOwner(state: ObservedServer, { on, owner }: Extract<Step, { do: 'own' }>): ObservedServer {
  const before = observedObject(state, 'shop', on);
  if (before.ownedBy !== undefined || before.owner === owner) return state;
  const change: Change =
    on.kind === 'database'
      ? { type: 'own_database', database: 'shop', owner, from: before.owner }
      : { type: 'own_object', database: 'shop', object: on, owner, from: before.owner };
  return simulatePrivileges(state, [change]);
}

function rightsChange(state: ObservedServer, step: Extract<Step, { do: 'grant' | 'revoke' }>): Change | undefined {
  const { by, to, on, column, option } = step;
  const found = observedObject(state, 'shop', on);
  const privileges = maskOf(step.privileges);
  if (by !== found.owner && (optionsOf(found, column, by) & privileges) !== privileges) return undefined;
  const change = {
    database: 'shop',
    object: on,
    ...(column === undefined ? {} : { column }),
    grantee: to,
    grantor: by,
    privileges,
  };
  if (step.do === 'revoke')
    return { ...change, type: 'revoke', grantOptionOnly: option && to !== PUBLIC, cascade: true };
  const closes = by !== found.owner && rank(to) <= rank(by);
  if (option && (to === PUBLIC || to === found.owner || closes)) return undefined;
  return { ...change, type: 'grant', grantOption: option };
}

function optionsOf({ acl, columns }: ObservedObject, column: string | undefined, grantee: string): number {
  let options = 0;
  const lists = column === undefined ? [acl] : [acl, columns?.get(column) ?? []];
  for (const entry of lists.flat()) if (entry.grantee === grantee) options |= entry.grantable;
  return options;
}

function rank(name: string): number {
  return (ROLES as readonly string[]).indexOf(name);
}
