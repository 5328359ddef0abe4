/** Managed roles as they were when they were last right, and what of that has changed. */
import { exportRoles } from '../access/document/export-roles.ts';
import type { SubmittedDocument } from '../access/document/schema.ts';
import { ALLOWANCES } from '../access/document.ts';
import type { ObservedServer } from '../access/observed.ts';
import { type DriftFinding, findingKey, type SubmittedRole } from './finding.ts';
import type { DriftKind } from './policy.ts';

/** Parts of a role that change apart from each other. */
export const ASPECTS = {
  login: ['login'],
  attributes: ['superuser', 'createdb', 'createrole', 'inherit', 'replication', 'bypassrls'],
  connection_limit: ['connection_limit'],
  valid_until: ['valid_until'],
  comment: ['comment'],
  settings: ['settings'],
  memberships: ['member_of', 'members'],
} as const satisfies Partial<Record<DriftKind, readonly (keyof SubmittedRole)[]>>;
export type Aspect = keyof typeof ASPECTS;

type Group =
  | string
  | { role: string; admin?: boolean | undefined; inherit?: boolean | undefined; set?: boolean | undefined };
type Member =
  | string
  | { member: string; admin?: boolean | undefined; inherit?: boolean | undefined; set?: boolean | undefined };

/** Every role that a document can manage, with all that it has. */
export function snapshotOf(observed: ObservedServer): Map<string, SubmittedRole> {
  return new Map(exportRoles(observed, []).roles.map((role) => [role.name, role]));
}

/** A snapshot with some of its aspects as they are now. */
export function refreshed(before: SubmittedRole, now: SubmittedRole, aspects: ReadonlySet<Aspect>): SubmittedRole {
  const next: Record<string, unknown> = { ...before };
  for (const aspect of aspects) {
    for (const member of ASPECTS[aspect]) {
      if (now[member] === undefined) delete next[member];
      else next[member] = now[member];
    }
  }
  return next as SubmittedRole;
}

/**
 * The document that roles are held against. Of two managed roles the member's own list counts; a member that is not judged at this
 * look counts as it is. What a snapshot names and the server no longer has is a finding and no part of the document.
 * @param snapshots of the roles that are judged, all of which exist
 * @param now every role as it is
 * @param leftOut managed roles that are not judged at this look
 */
export function snapshotDocument(
  snapshots: ReadonlyMap<string, SubmittedRole>,
  now: ReadonlyMap<string, SubmittedRole>,
  observed: ObservedServer,
  leftOut: ReadonlySet<string>,
): { document: SubmittedDocument; findings: DriftFinding[] } {
  const findings: DriftFinding[] = [];
  const lost = (role: string, group: string, gone: string) => {
    findings.push({
      key: findingKey('memberships', group, role),
      kind: 'memberships',
      source: 'credential',
      role,
      object: `role ${group}`,
      expected: `${role} in ${group}`,
      found: `there is no role ${gone} any more`,
      repair: { none: `role ${gone} has to be made again first` },
    });
  };
  const membersOf = new Map<string, Member[]>();
  const groupsOf = new Map<string, Group[]>();
  for (const [name, { member_of: groups }] of snapshots) {
    if (groups === undefined) continue;
    const there = groups.filter((group) => {
      if (observed.roles.has(groupName(group))) return true;
      lost(name, groupName(group), groupName(group));
      return false;
    });
    groupsOf.set(name, there);
    for (const group of there) add(membersOf, groupName(group), asMember(group, name));
  }
  const roles = [...snapshots].map(([name, snapshot]): SubmittedRole => {
    const { member_of: _, members, settings, comment, ...attributes } = snapshot;
    const groups = groupsOf.get(name);
    const knownSettings = settings?.filter(
      ({ database }) => database === undefined || observed.databases.has(database),
    );
    return {
      ...attributes,
      ...(comment === undefined ? {} : { comment }),
      ...(groups === undefined ? {} : { member_of: groups }),
      ...(members === undefined ? {} : { members: allMembers(name, members) }),
      ...(knownSettings === undefined ? {} : { settings: knownSettings }),
      adopt: true,
    };
  });
  return { document: { allow: [...ALLOWANCES], roles }, findings };

  function allMembers(group: string, before: readonly Member[]): Member[] {
    const managed = membersOf.get(group) ?? [];
    const ownList = (member: string) => groupsOf.has(member);
    const others = before.filter((member) => {
      const name = memberName(member);
      if (ownList(name) || !isJudged(name)) return false;
      if (observed.roles.has(name)) return true;
      lost(name, group, name);
      return false;
    });
    const unjudged = (now.get(group)?.members ?? []).filter((member) => !isJudged(memberName(member)));
    return [...managed, ...others, ...unjudged];
  }

  /** A managed role that is left out of this look says nothing; whoever is not managed at all is judged by the group. */
  function isJudged(member: string): boolean {
    return snapshots.has(member) || !leftOut.has(member);
  }
}

function add<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function groupName(group: Group): string {
  return typeof group === 'string' ? group : group.role;
}

function memberName(member: Member): string {
  return typeof member === 'string' ? member : member.member;
}

function asMember(group: Group, member: string): Member {
  if (typeof group === 'string') return member;
  const { role: _, ...options } = group;
  return { ...options, member };
}
