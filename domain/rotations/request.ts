import type { AccessOptions } from '../access/request-options.ts';
import { roleRequest } from '../clusters/flavor-requests.ts';
import type { RotationConsumer, RotationDefinition } from './rotation.ts';

/** What is on record of the role that is rotated. */
export interface RotatedRole {
  /** Owner of the credential; null: none is on record. */
  owner: string | null;
  /** The role of a cluster, as its own row has it. */
  cluster: { clusterId: string; accountId: string | null; superuser: boolean } | null;
}

/** Services of ours are found in the databases; all others are consumers that a run of its own has to tell. */
export function isTold({ kind }: RotationConsumer): boolean {
  return kind !== 'postgrest';
}

/**
 * Whether the password can be set together with others, in a batch of the role engine: one role, nobody to tell, and a secret that
 * no database's specification has.
 */
export function isBatched(
  { strategy, consumers, options }: Pick<RotationDefinition, 'strategy' | 'consumers' | 'options'>,
  of: { role: RotatedRole; databases: number },
): boolean {
  const alone = of.databases === 0 && !consumers.some(isTold) && options.sessions.policy !== 'drain';
  const { owner } = of.role;
  return strategy === 'in-place' && alone && (owner === null || owner === 'roles' || of.role.cluster !== null);
}

/** A request of a batch that sets a password that was made here. The document holds the password. */
export function batchRequest(
  rotation: Pick<RotationDefinition, 'roleName' | 'options'> & { id: string },
  role: RotatedRole,
  password: string,
): { document: unknown; options: AccessOptions } {
  const { roleName: name, options } = rotation;
  const own: AccessOptions = {
    rotation: rotation.id,
    withoutAdminRole: false,
    audit: rotationAudit(rotation.id),
    ...(options.sessions.policy === 'end' && { endSessions: true }),
  };
  if (role.cluster !== null) {
    const { clusterId, accountId, superuser } = role.cluster;
    const wish = { clusterId, name, accountId, superuser, flavor: null, defaultFlavor: 'read' as const };
    const { document, options: ofCluster } = roleRequest({ ...wish, rotate: true, adopt: false }, password);
    const { shared: _, ...rest } = ofCluster;
    return { document, options: { ...rest, ...own } };
  }
  const override = options.override === true;
  return {
    document: {
      allow: override ? ['superuser'] : [],
      roles: [{ name, password, ...(override && { adopt: true }) }],
    },
    options: { ...own, condition: { role: name, when: 'present', ...(override && { override }) } },
  };
}

/** How the audit log names a run. */
export function rotationAudit(rotationId: string): { action: string; resource: string } {
  return { action: 'rotation.run', resource: rotationResource(rotationId) };
}

export const rotationResource = (rotationId: string): string => `rotation/${rotationId}`;
