import { type Problem, quoted } from '../../spec/problems.ts';
import type { AccessDocument } from '../document.ts';
import { OBJECT_KINDS, type ObjectKind } from '../objects.ts';
import type { ObservedMembership, ObservedSetting, ParameterInfo } from '../observed.ts';
import type { PrivilegeName } from '../privileges.ts';
import { hasMembershipOptions, serverVersion } from '../roles/context.ts';
import { parameterOf, parameterProblem } from '../roles/parameters.ts';
import { isPredefined, missingRoleMessage } from '../roles/rules.ts';
import { settingKey } from '../roles/simulate-roles.ts';
import { describeCycle, membershipCycles } from './membership-cycles.ts';
import { databaseReferences, roleReferences } from './references.ts';
import { allMemberships } from './rules/memberships.ts';
import { allSettings } from './rules/settings.ts';

/** What is known of a server without looking into its databases. An `ObservedServer` has all of it. */
export interface ServerKnowledge {
  versionNum: number;
  databases: ReadonlyMap<string, { allowConnections: boolean }>;
  /** All of the server, so that circles are found. */
  memberships: readonly ObservedMembership[];
  /** All roles, by name. Absent: predefined roles are not judged. */
  roles?: ReadonlyMap<string, unknown>;
  /** By name in lower case. Absent: settings are not judged. */
  parameters?: ReadonlyMap<string, ParameterInfo>;
  admin?: { superuser: boolean };
  settings?: readonly ObservedSetting[];
  /** Parameters of superusers that the admin role may set, in lower case. */
  grantedParameters?: ReadonlySet<string>;
}

type Check = (document: AccessDocument, server: ServerKnowledge) => Iterable<Problem>;

/**
 * Why a document cannot be carried out on this server, as far as that can be said before its databases are read. Roles that
 * are merely missing, and objects, are judged when the plan is made.
 */
export function checkDocument(document: AccessDocument, server: ServerKnowledge): Problem[] {
  return CHECKS.flatMap((check) => [...check(document, server)]);
}

const databases: Check = function* (document, { databases: known }) {
  for (const { name, at } of databaseReferences(document)) {
    if (!known.has(name)) yield { path: at, message: `the server has no database ${quoted(name)}` };
  }
  for (const { name, at } of document.databases) {
    if (known.get(name)?.allowConnections === false) {
      yield { path: `${at}.name`, message: `database ${quoted(name)} does not allow connections` };
    }
  }
};

const predefinedRoles: Check = function* (document, { roles }) {
  if (roles === undefined) return;
  for (const { name, at } of roleReferences(document)) {
    if (!isPredefined(name) || roles.has(name)) continue;
    yield { path: at, message: missingRoleMessage(name) };
  }
};

const membershipOptions: Check = function* (document, { versionNum }) {
  if (hasMembershipOptions(versionNum)) return;
  for (const { inherit, set, absent, at } of allMemberships(document)) {
    if (absent) continue;
    if (inherit === false) {
      const message = `${serverVersion(versionNum)} has no INHERIT option of memberships: the member's own "inherit" decides; 16 has it`;
      yield { path: at, message };
    }
    if (set === false) {
      yield {
        path: at,
        message: `${serverVersion(versionNum)} has no SET option: every member may SET ROLE; 16 has it`,
      };
    }
  }
};

const membershipCircles: Check = function* (document, { memberships }) {
  const asked = allMemberships(document);
  const ended = new Set(asked.filter(({ absent }) => absent).map(pairKey));
  const listed = new Set(asked.filter(({ absent }) => !absent).map(pairKey));
  const completeGroups = new Set(document.roles.flatMap(({ name, memberOf }) => (memberOf ? [name] : [])));
  const completeMembers = new Set(document.roles.flatMap(({ name, members }) => (members ? [name] : [])));
  const staying = memberships.filter((membership) => {
    const key = pairKey(membership);
    if (ended.has(key) || listed.has(key)) return false;
    return !completeGroups.has(membership.member) && !completeMembers.has(membership.role);
  });
  const edges = [...asked.filter(({ absent }) => !absent), ...staying.map(({ role, member }) => ({ role, member }))];
  for (const cycle of membershipCycles(edges)) {
    const path = cycle.find(({ at }) => at !== undefined)?.at;
    if (path === undefined) continue;
    const message = `with the memberships of the server, roles would be members of each other in a circle: ${describeCycle(cycle)}`;
    yield { path, message };
  }
};

function pairKey({ role, member }: { role: string; member: string }): string {
  return `${role}\0${member}`;
}

const privileges: Check = function* (document, { versionNum }) {
  for (const { grants, revokes, defaultPrivileges } of document.databases) {
    const entries = [
      ...[...grants, ...revokes].map(({ on, privileges: names, at }) => ({ kind: on.kind, names, at })),
      ...defaultPrivileges.map(({ on, privileges: names, at }) => ({ kind: on, names, at })),
    ];
    for (const { kind, names, at } of entries) {
      for (const name of names === 'ALL' ? [] : names) {
        const since = sinceOf(kind, name);
        if (since <= majorOf(versionNum)) continue;
        const message = `${serverVersion(versionNum)} has no privilege ${name}: it came with ${since}`;
        yield { path: `${at}.privileges`, message };
      }
    }
  }
};

function sinceOf(kind: ObjectKind, name: PrivilegeName): number {
  const known: Partial<Record<PrivilegeName, { since?: number }>> = OBJECT_KINDS[kind].privileges;
  return known[name]?.since ?? 0;
}

const FOR_SUPERUSERS: ReadonlySet<string> = new Set(['superuser', 'superuser-backend']);

/** A setting that is there already may stay as it is, whoever made it: whether it has to change is seen in the plan. */
const parameters: Check = function* (
  document,
  { versionNum, parameters: known, admin, grantedParameters, settings = [] },
) {
  if (known === undefined) return;
  const present = new Set(settings.map(settingKey));
  for (const setting of allSettings(document)) {
    const { name, value, at } = setting;
    if (value === null || present.has(settingKey(setting))) continue;
    const parameter = parameterOf({ parameters: known }, name);
    const problem = parameterProblem(name, parameter, serverVersion(versionNum));
    if (problem !== undefined) yield { path: at, message: problem };
    else if (
      FOR_SUPERUSERS.has(parameter?.context ?? '') &&
      !admin?.superuser &&
      !grantedParameters?.has(name.toLowerCase())
    ) {
      yield { path: at, message: `parameter ${quoted(name)} can be set by superusers only` };
    }
  }
};

const CHECKS: readonly Check[] = [
  databases,
  predefinedRoles,
  membershipOptions,
  membershipCircles,
  privileges,
  parameters,
];

function majorOf(versionNum: number): number {
  return Math.floor(versionNum / 10_000);
}
