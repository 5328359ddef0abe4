import { Failure } from '../../domain/failures.ts';
import { currentSecrets, databaseSecretOwner, jwtSecretId, userSecretId } from '../../store/secrets.ts';
import type { Work } from '../../store/work.ts';
import type { ControlDeps } from './deps.ts';

/** Plain-text passwords of the database's users that have one, by user name. Never leaves the process. */
export async function openUserPasswords(deps: ControlDeps, work: Work): Promise<Map<string, string>> {
  const names = work.spec.users.map((user) => user.username);
  return openSecrets(deps, work.databaseId, names, userSecretId);
}

/** JWT secrets by service id, of the services that have one. Never leaves the process. */
export async function openJwtSecrets(deps: ControlDeps, work: Work): Promise<Map<string, string>> {
  const ids = work.spec.services.map((service) => service.serviceId);
  return openSecrets(deps, work.databaseId, ids, jwtSecretId);
}

async function openSecrets(
  deps: ControlDeps,
  databaseId: string,
  keys: readonly string[],
  secretId: (databaseId: string, key: string) => string,
): Promise<Map<string, string>> {
  const stored = await currentSecrets(
    deps.db,
    keys.map((key) => secretId(databaseId, key)),
  );
  const owner = databaseSecretOwner(databaseId);
  return new Map(
    keys.flatMap((key) => {
      const secret = stored.get(secretId(databaseId, key));
      if (secret === undefined) return [];
      if (secret.owner !== owner) throw new Failure('NotAllowed', `secret ${secret.id} belongs to another owner`);
      const identity = { secretId: secret.id, owner, version: secret.version };
      return [[key, deps.sealer.open(identity, { keyId: secret.keyId, bytes: secret.sealed })] as const];
    }),
  );
}
