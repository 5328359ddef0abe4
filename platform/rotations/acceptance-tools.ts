import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { loginNames } from '../../domain/rotations/rotation.ts';
import { makeRolePassword } from '../secrets/role-password.ts';
import type { Sealer } from '../secrets/seal.ts';
import { sealStored } from '../secrets/seal-stored.ts';

/** What a run of a rotation is accepted with, by whoever accepts it. */
export function acceptanceTools(sealer: Pick<Sealer, 'seal'>) {
  return {
    makePassword: makeRolePassword,
    newId: uuidv7,
    seal: (identity: Parameters<typeof sealStored>[1], text: string) => sealStored(sealer, identity, text),
    loginsOf: ({ roleName, options }: { roleName: string; options: { logins?: [string, string] } }): [string, string] =>
      options.logins ?? loginNames(roleName, createHash('sha256').update(roleName).digest('hex')),
  };
}
