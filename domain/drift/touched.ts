import type { AccessDocument } from '../access/document.ts';
import type { RoleAttributes } from '../access/observed.ts';
import { granteeLabel } from '../access/refs.ts';
import type { AccessOptions } from '../access/request-options.ts';
import { DRIFT_KINDS, type DriftKind } from './policy.ts';

/** What requests of this control plane changed, by role: that is no drift. */
export type Touched = Map<string, Set<DriftKind>>;

const KIND_OF: Readonly<Record<keyof RoleAttributes, DriftKind>> = {
  login: 'login',
  superuser: 'attributes',
  createdb: 'attributes',
  createrole: 'attributes',
  inherit: 'attributes',
  replication: 'attributes',
  bypassrls: 'attributes',
  connectionLimit: 'connection_limit',
  validUntil: 'valid_until',
};

/** Adds kinds to those of a role. */
export function touch(touched: Touched, role: string, kinds: Iterable<DriftKind>): void {
  const known = touched.get(role) ?? new Set();
  for (const kind of kinds) known.add(kind);
  touched.set(role, known);
}

/** Everything about a role. */
export function touchAll(touched: Touched, role: string): void {
  touch(touched, role, DRIFT_KINDS);
}

/** Parts of a request that its document does not show: what is done is worked out when it is carried out. */
function isOpenEnded(options: AccessOptions): boolean {
  const { fill, clusterRole, flavors, record, disabled } = options;
  return [fill, clusterRole, flavors, record, disabled].some((part) => part !== undefined);
}

/** What a request with a document may have changed. */
export function touchByDocument(touched: Touched, document: AccessDocument, options: AccessOptions): void {
  const openEnded = isOpenEnded(options);
  const both = ({ role, member }: { role: string; member: string }) => {
    touch(touched, role, ['memberships']);
    touch(touched, member, ['memberships']);
  };
  for (const role of document.roles) {
    const kinds = (Object.keys(role.attributes) as (keyof RoleAttributes)[]).map((name) => KIND_OF[name]);
    touch(touched, role.name, ['missing_role', ...kinds]);
    if (openEnded) touchAll(touched, role.name);
    if (role.comment !== undefined) touch(touched, role.name, ['comment']);
    if (role.hasPassword) touch(touched, role.name, ['password']);
    if (role.settings !== undefined) touch(touched, role.name, ['settings']);
    if (role.memberOf !== undefined || role.members !== undefined) touch(touched, role.name, ['memberships']);
    role.memberOf?.forEach(both);
    role.members?.forEach(both);
  }
  document.memberships.forEach(both);
  if (openEnded) for (const { member } of document.memberships) touchAll(touched, member);
  for (const { role } of document.settings) touch(touched, role, ['settings']);
  for (const database of document.databases) {
    if (database.owner !== undefined) touch(touched, database.owner, ['ownership']);
    for (const { owner } of database.owners) touch(touched, owner, ['ownership']);
    const rights = [...database.grants, ...database.revokes];
    const grantees = [...rights.flatMap(({ to }) => to), ...database.exactGrantees];
    for (const grantee of grantees) touch(touched, granteeLabel(grantee), ['privileges', 'default_privileges']);
    for (const { to } of database.defaultPrivileges) {
      for (const grantee of to) touch(touched, granteeLabel(grantee), ['default_privileges']);
    }
  }
}

/** Whether a request changed this. */
export function isTouched(touched: Touched, role: string | undefined, kind: string): boolean {
  return role !== undefined && touched.get(role)?.has(kind as DriftKind) === true;
}
