import type { SpecSecrets } from '../../domain/spec/secrets.ts';
import type { Sealer } from '../../platform/secrets/seal.ts';
import { sealStored } from '../../platform/secrets/seal-stored.ts';
import { databaseSecretOwner, jwtSecretId, type StoredSecret, userSecretId } from '../../store/secrets.ts';

/** Plain text of a specification's secrets, by the ids that they are stored under. */
export function secretTexts(databaseId: string, secrets: SpecSecrets): Map<string, string> {
  return new Map([
    ...[...secrets.userPasswords].map(
      ([username, password]) => [userSecretId(databaseId, username), password] as const,
    ),
    ...[...secrets.jwtSecrets].map(([serviceId, secret]) => [jwtSecretId(databaseId, serviceId), secret] as const),
  ]);
}

/** Seals secrets of a database, each as the given version; the first one unless given. */
export function sealSecrets(
  sealer: Sealer,
  input: { databaseId: string; texts: ReadonlyMap<string, string>; versions?: Readonly<Record<string, number>> },
): StoredSecret[] {
  const owner = databaseSecretOwner(input.databaseId);
  return [...input.texts].map(([id, plaintext]) => {
    const version = input.versions?.[id] ?? 1;
    return sealStored(sealer, { id, owner, version }, plaintext);
  });
}
