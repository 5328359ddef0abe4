import type { ResolvedSpec, ResolvedUser } from '../spec/normalize.ts';

/** What an update does to one user; `keep` of one that is no longer listed leaves its role. */
export interface UserChange {
  username: string;
  action: 'create' | 'change' | 'keep' | 'drop';
  /** Members that differ. */
  reasons: string[];
}

/** Decides what becomes of each user, those that are no longer listed last. Pure. */
export function decideUsers(input: {
  previous: ResolvedSpec | undefined;
  next: ResolvedSpec;
  /** Users whose password changes. */
  passwords: ReadonlySet<string>;
}): UserChange[] {
  const before = new Map(input.previous?.users.map((user) => [user.username, user]));
  const wanted = input.next.users.map((user): UserChange => {
    const { username } = user;
    const earlier = before.get(username);
    if (earlier === undefined) return { username, action: 'create', reasons: [] };
    const reasons = [...memberChanges(earlier, user), ...(input.passwords.has(username) ? ['password'] : [])];
    return { username, action: reasons.length === 0 ? 'keep' : 'change', reasons };
  });
  const listed = new Set(input.next.users.map(({ username }) => username));
  const others = [...before.keys()].filter((username) => !listed.has(username));
  const action = input.next.dropRemovedUsers ? 'drop' : 'keep';
  return [...wanted, ...others.map((username): UserChange => ({ username, action, reasons: ['not listed'] }))];
}

const MEMBERS = [
  ['db_owner', ({ owner }) => owner],
  ['attributes', ({ attributes }) => attributes.toSorted().join()],
  ['roles', ({ roles }) => roles.toSorted().join()],
] as const satisfies readonly (readonly [string, (user: ResolvedUser) => unknown])[];

function memberChanges(previous: ResolvedUser, next: ResolvedUser): string[] {
  return MEMBERS.flatMap(([name, of]) => (of(previous) === of(next) ? [] : [name]));
}
