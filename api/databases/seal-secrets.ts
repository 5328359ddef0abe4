import type { SpecSecrets } from '../../domain/spec/secrets.ts';
import type { Sealer } from '../../platform/secrets/seal.ts';
import { databaseSecretOwner, jwtSecretId, type StoredSecret, userSecretId } from '../../store/secrets.ts';

/** Seals the first version of every secret of a new database. */
export function sealSecrets(sealer: Sealer, databaseId: string, secrets: SpecSecrets): StoredSecret[] {
  const owner = databaseSecretOwner(databaseId);
  const seal = (id: string, plaintext: string): StoredSecret => {
    const { keyId, bytes } = sealer.seal({ secretId: id, owner, version: 1 }, plaintext);
    return { id, owner, version: 1, keyId, sealed: bytes };
  };
  return [
    ...[...secrets.userPasswords].map(([username, password]) => seal(userSecretId(databaseId, username), password)),
    ...[...secrets.jwtSecrets].map(([serviceId, secret]) => seal(jwtSecretId(databaseId, serviceId), secret)),
  ];
}
