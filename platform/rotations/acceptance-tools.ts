import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { loginNames } from '../../domain/rotations/rotation.ts';
import { makeRolePassword } from '../secrets/role-password.ts';
import type { Sealer } from '../secrets/seal.ts';

/** A secret that is about to be sealed. */
interface Identity {
  id: string;
  owner: string;
  version: number;
}

/** What a run of a rotation is accepted with, by whoever accepts it. */
export function acceptanceTools(sealer: Pick<Sealer, 'seal'>) {
  return {
    makePassword: makeRolePassword,
    newId: uuidv7,
    seal(identity: Identity, text: string): Identity & { keyId: string; sealed: Buffer } {
      const { id: secretId, owner, version } = identity;
      const { keyId, bytes } = sealer.seal({ secretId, owner, version }, text);
      return { ...identity, keyId, sealed: bytes };
    },
    loginsOf: ({ roleName, options }: { roleName: string; options: { logins?: [string, string] } }): [string, string] =>
      options.logins ?? loginNames(roleName, createHash('sha256').update(roleName).digest('hex')),
  };
}
