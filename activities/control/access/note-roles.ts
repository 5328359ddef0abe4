import type { SubmittedPassword } from '../../../domain/access/document.ts';
import { passwordFingerprint } from '../../../platform/access/changed-passwords.ts';
import type { Sealer } from '../../../platform/secrets/seal.ts';
import type { Queryable } from '../../../store/connection.ts';
import { noteRoles, type RoleNote } from '../../../store/credentials.ts';
import type { ControlDeps } from '../deps.ts';

/** A role that was created or got a password. */
export interface ChangedRole {
  name: string;
  oid: number;
  created: boolean;
  /** What was set; undefined where the password was not touched. Secret. */
  passwordSet: SubmittedPassword | undefined;
}

/** What else is put on record of a role. */
export type MoreToNote = Pick<RoleNote, 'owner' | 'user' | 'disabled'>;

/** What was done to roles, for their credential rows. */
export function roleNotes(
  sealer: Sealer,
  serverName: string,
  changed: readonly (ChangedRole & MoreToNote)[],
): RoleNote[] {
  return changed.map(({ name, oid, passwordSet, created: _, ...more }) => ({
    ...more,
    roleName: name,
    oid,
    ...(passwordSet === undefined
      ? {}
      : { passwordFingerprint: passwordFingerprint(sealer, serverName, name, passwordSet) }),
  }));
}

/** Keeps what was done to roles in their credential rows. */
export async function noteChangedRoles(
  deps: Pick<ControlDeps, 'sealer'>,
  db: Queryable,
  input: {
    serverName: string;
    changed: readonly (ChangedRole & MoreToNote)[];
  },
): Promise<void> {
  const { serverName, changed } = input;
  await noteRoles(db, { serverName, roles: roleNotes(deps.sealer, serverName, changed) });
}
