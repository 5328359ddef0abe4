import type { SecretVersions } from './changes.ts';
import { jwtSecretId, userSecretId } from './secrets.ts';

interface Change {
  previousSecrets: SecretVersions;
  nextSecrets: SecretVersions;
}

/** Of the given users, those whose password an update sets, changes or takes away. */
export function changedPasswords(databaseId: string, usernames: readonly string[], change: Change): Set<string> {
  return new Set(usernames.filter((name) => differs(userSecretId(databaseId, name), change)));
}

/** Of the given services, those whose JWT secret an update sets, changes or takes away. */
export function changedJwtSecrets(databaseId: string, serviceIds: readonly string[], change: Change): Set<string> {
  return new Set(serviceIds.filter((id) => differs(jwtSecretId(databaseId, id), change)));
}

function differs(id: string, { previousSecrets, nextSecrets }: Change): boolean {
  return previousSecrets[id] !== nextSecrets[id];
}
