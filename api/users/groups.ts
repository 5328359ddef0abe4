import { createHash } from 'node:crypto';
import type { PlannedGroup } from '../../domain/users/group-document.ts';
import { groupRequest, type WantedGroup } from '../../domain/users/group-request.ts';
import { samePrivileges } from '../../domain/users/rights.ts';
import type { Place } from '../../store/registry.ts';
import { type GroupPlace, listGroups, takeStaleGroups, type UserGroup } from '../../store/user-groups.ts';
import { type Caller, withoutKey } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { acceptServerTask } from '../roles/accept-server-task.ts';
import { changeNow } from '../roles/change.ts';

/** Sees to it that the groups of users have their rights. */
export interface GroupKeeper {
  /** The group of a kind, with these privileges on everything that is in the database now and comes later. */
  roleFor(caller: Caller, place: Place, wanted: WantedGroup): Promise<string>;
  /** Sees to all groups of a database again. */
  refresh(caller: Caller, place: Place): Promise<readonly PlannedGroup[]>;
  /** The same after a user was made who may create objects: what fails is tried again later, and harms the user's maker not. */
  cover(caller: Caller, place: Place): Promise<void>;
  /** The same where it has not been done for a while, without anybody waiting for it. */
  refreshSoon(caller: Caller, place: Place): void;
}

/**
 * How long the rights of a group are taken for complete when a user is made. What somebody created meanwhile whom default
 * privileges do not cover is seen after that.
 */
const FRESH_MS = 60_000;

/** How long what is on record of groups is taken for the same without another look: many callers ask for the same within that. */
const REMEMBERED_MS = 2_000;
/** Databases that are kept in mind. */
const MAX_REMEMBERED = 1_000;

const ROUTE = 'groups of users';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** One per API process: callers that need the same at the same time share it. */
export function createGroupKeeper(deps: ServerApiDeps): GroupKeeper {
  const underWay = new Map<string, Promise<readonly PlannedGroup[]>>();
  const remembered = new Map<string, { groups: Promise<UserGroup[]>; until: number }>();

  /** With all groups of the database, so that each of them is seen to whenever one is. */
  function see(caller: Caller, at: GroupPlace, groups: readonly WantedGroup[]): Promise<readonly PlannedGroup[]> {
    const key = JSON.stringify([at, groups]);
    const known = underWay.get(key);
    if (known !== undefined) return known;
    const seen = seeTo(deps, caller, at, groups).finally(() => {
      underWay.delete(key);
      remembered.delete(placeKey(at));
    });
    underWay.set(key, seen);
    return seen;
  }

  /** What was on record a moment ago: for who only wants to know whether there is a group. */
  function recentGroups(at: GroupPlace): Promise<UserGroup[]> {
    const key = placeKey(at);
    const known = remembered.get(key);
    if (known !== undefined && known.until > performance.now()) return known.groups;
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    const groups = listGroups(deps.db, at);
    remembered.set(key, { groups, until: performance.now() + REMEMBERED_MS });
    groups.catch(() => remembered.delete(key));
    return groups;
  }

  async function refresh(caller: Caller, place: Place): Promise<readonly PlannedGroup[]> {
    const at = whereOf(place);
    const groups = await listGroups(deps.db, at);
    return groups.length === 0 ? [] : see(caller, at, groups.map(wantedOf));
  }

  return {
    refresh,
    async roleFor(caller, place, wanted) {
      const at = whereOf(place);
      const groups = await recentGroups(at);
      const known = groups.find(({ kind }) => kind === wanted.kind);
      if (known !== undefined && known.ageMs < FRESH_MS && samePrivileges(known.privileges, wanted.privileges)) {
        return known.role;
      }
      const others = groups.filter(({ kind }) => kind !== wanted.kind).map(wantedOf);
      const planned = await see(
        caller,
        at,
        [...others, wanted].toSorted((a, b) => (a.kind < b.kind ? -1 : 1)),
      );
      const role = planned.find(({ kind }) => kind === wanted.kind)?.role;
      if (role === undefined) throw new Error(`no group was made for users of kind ${wanted.kind}`);
      return role;
    },
    async cover(caller, place) {
      try {
        await refresh(caller, place);
      } catch (error) {
        deps.log.warn({ err: error, ...whereOf(place) }, 'groups of users are seen to later');
      }
    },
    refreshSoon(caller, place) {
      void askFor(deps, caller, whereOf(place)).catch((error: unknown) => {
        deps.log.warn({ err: error, ...whereOf(place) }, 'groups of users are seen to later');
      });
    },
  };
}

const placeKey = ({ serverName, database }: GroupPlace): string => `${serverName}\0${database}`;
const whereOf = ({ entry }: Place): GroupPlace => ({ serverName: entry.serverName, database: entry.dbName });
const wantedOf = ({ kind, privileges }: UserGroup): WantedGroup => ({ kind, privileges });

async function seeTo(
  deps: ServerApiDeps,
  caller: Caller,
  at: GroupPlace,
  groups: readonly WantedGroup[],
): Promise<readonly PlannedGroup[]> {
  const { result } = await changeNow(deps, withoutKey(caller), { prefix: '', ...requestOf(deps, at, groups) });
  const uncovered = result.uncovered ?? [];
  if (uncovered.length > 0) {
    deps.log.info(
      { ...at, uncovered },
      'what these roles create is covered when groups of users are seen to the next time',
    );
  }
  return result.groups ?? [];
}

async function askFor(deps: ServerApiDeps, caller: Caller, at: GroupPlace): Promise<void> {
  const stale = await takeStaleGroups(deps.db, { olderThanMs: FRESH_MS, place: at, limit: 1 });
  if (stale.length === 0) return;
  const groups = await listGroups(deps.db, at);
  await acceptServerTask(deps, withoutKey(caller), {
    type: 'change_role',
    passwords: new Map(),
    ...requestOf(deps, at, groups.map(wantedOf)),
  });
}

function requestOf(deps: ServerApiDeps, { serverName, database }: GroupPlace, groups: readonly WantedGroup[]) {
  const { installationId } = deps;
  return {
    serverName,
    route: ROUTE,
    content: { serverName, database, groups },
    ...groupRequest({ installationId, database, groups }, sha256),
    detail: { database, kinds: groups.map(({ kind }) => kind) },
  };
}
