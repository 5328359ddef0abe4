import { Failure } from '../../domain/failures.ts';
import { rotationSecretId } from '../../domain/rotations/rotation.ts';
import { openStored } from '../../platform/secrets/open-stored.ts';
import type { SecretVersions } from '../../store/changes.ts';
import { standInsOf } from '../../store/rotations.ts';
import { currentSecrets, databaseSecretOwner, jwtSecretId, secretsAt, userSecretId } from '../../store/secrets.ts';
import type { Work, WorkChange } from '../../store/work.ts';
import type { ControlDeps } from './deps.ts';

/** Plain-text passwords of the database's users that have one, by user name. Never leaves the process. */
export async function openUserPasswords(deps: ControlDeps, work: Work): Promise<Map<string, string>> {
  const names = work.spec.users.map((user) => user.username);
  return openSecrets(deps, { work, keys: names, secretId: userSecretId });
}

/** JWT secrets by service id, of the services that have one. Never leaves the process. */
export async function openJwtSecrets(deps: ControlDeps, work: Work): Promise<Map<string, string>> {
  const ids = work.spec.services.map((service) => service.serviceId);
  return openSecrets(deps, { work, keys: ids, secretId: jwtSecretId });
}

/** As whom a service logs in. Never leaves the process. */
export interface ServiceLogin {
  user: string;
  password: string;
}

/** Logins of the database's users, by user name: where an alternating rotation has given a role another login, that one. */
export async function openServiceLogins(deps: ControlDeps, work: Work): Promise<Map<string, ServiceLogin>> {
  const [passwords, standIns] = await Promise.all([
    openUserPasswords(deps, work),
    standInsOf(
      deps.db,
      work.nodes.map(({ serverName }) => serverName),
    ),
  ]);
  const logins = new Map([...passwords].map(([user, password]) => [user, { user, password }]));
  for (const { roleName, rotationId, login, secretVersion } of standIns) {
    if (!logins.has(roleName)) continue;
    const password = await openRotationPassword(deps, { rotationId, version: secretVersion });
    if (password !== undefined) logins.set(roleName, { user: login, password });
  }
  return logins;
}

/** A version of the current password of a rotation; undefined where it is not known. Never leaves the process. */
export async function openRotationPassword(
  deps: Pick<ControlDeps, 'db' | 'sealer'>,
  of: { rotationId: string; version: number },
): Promise<string | undefined> {
  const id = rotationSecretId(of.rotationId);
  const secret = (await secretsAt(deps.db, { [id]: of.version })).get(id);
  return secret && openStored(deps.sealer, secret);
}

/** Passwords that users of the database had before the update under way, by user name. Never leaves the process. */
export async function openPreviousPasswords(
  deps: ControlDeps,
  work: Work & { change: WorkChange },
): Promise<Map<string, string>> {
  const { previous, previousSecrets: versions } = work.change;
  const names = previous.users.map((user) => user.username);
  return openSecrets(deps, { work, keys: names, secretId: userSecretId, versions });
}

/** Of the versions that the task leads to, unless others are asked for. */
async function openSecrets(
  deps: ControlDeps,
  wanted: {
    work: Work;
    keys: readonly string[];
    secretId: (databaseId: string, key: string) => string;
    versions?: SecretVersions;
  },
): Promise<Map<string, string>> {
  const { work, keys } = wanted;
  const versions = wanted.versions ?? work.change?.nextSecrets;
  const idOf = (key: string) => wanted.secretId(work.databaseId, key);
  const stored = await (versions === undefined
    ? currentSecrets(deps.db, keys.map(idOf))
    : secretsAt(deps.db, versionsOf(versions, keys.map(idOf))));
  const owner = databaseSecretOwner(work.databaseId);
  return new Map(
    keys.flatMap((key) => {
      const secret = stored.get(idOf(key));
      if (secret === undefined) return [];
      if (secret.owner !== owner) throw new Failure('NotAllowed', `secret ${secret.id} belongs to another owner`);
      const identity = { secretId: secret.id, owner, version: secret.version };
      return [[key, deps.sealer.open(identity, { keyId: secret.keyId, bytes: secret.sealed })] as const];
    }),
  );
}

function versionsOf(versions: SecretVersions, ids: readonly string[]): SecretVersions {
  return Object.fromEntries(ids.flatMap((id) => (versions[id] === undefined ? [] : [[id, versions[id]]])));
}
