import type { SpecSecrets } from '../../domain/spec/secrets.ts';
import { nameProblem } from '../../domain/spec/text.ts';
import type { DatabaseSpec } from '../../domain/spec/types.ts';
import type { Sealer } from '../../platform/secrets/seal.ts';
import type { SecretVersions } from '../../store/changes.ts';
import type { Queryable } from '../../store/connection.ts';
import {
  currentSecrets,
  databaseSecretOwner,
  jwtSecretId,
  type StoredSecret,
  secretsOf,
  userSecretId,
} from '../../store/secrets.ts';
import { sealSecrets, secretTexts } from './seal-secrets.ts';

/** Secrets of a database before and after a change. */
export interface NextSecrets {
  previous: SecretVersions;
  next: SecretVersions;
  /** New versions, sealed, to be stored. */
  added: StoredSecret[];
}

/**
 * Versions that a specification leads to. A password that is left out is kept, and so is one that is sent again unchanged; a JWT
 * secret that is left out goes, as the contract says.
 */
export async function nextSecrets(
  deps: { sealer: Sealer },
  db: Queryable,
  input: { databaseId: string; spec: DatabaseSpec; secrets: SpecSecrets },
): Promise<NextSecrets> {
  const { databaseId } = input;
  const owner = databaseSecretOwner(databaseId);
  const stored = new Map((await secretsOf(db, [owner])).map((secret) => [secret.id, secret]));
  const isSame = (id: string, text: string) => {
    const secret = stored.get(id);
    if (secret === undefined) return false;
    const identity = { secretId: id, owner, version: secret.version };
    return deps.sealer.open(identity, { keyId: secret.keyId, bytes: secret.sealed }) === text;
  };
  const texts = new Map([...secretTexts(databaseId, input.secrets)].filter(([id, text]) => !isSame(id, text)));
  const versions = Object.fromEntries([...texts.keys()].map((id) => [id, (stored.get(id)?.version ?? 0) + 1]));
  const users = (input.spec.database_users ?? []).map(({ username }) => userSecretId(databaseId, username));
  const given = [...input.secrets.jwtSecrets.keys()].map((serviceId) => jwtSecretId(databaseId, serviceId));
  const next = [...users, ...given].flatMap((id) => {
    const version = versions[id] ?? stored.get(id)?.version;
    return version === undefined ? [] : [[id, version] as const];
  });
  return {
    previous: Object.fromEntries([...stored.values()].map(({ id, version }) => [id, version])),
    next: Object.fromEntries(next),
    added: sealSecrets(deps.sealer, { databaseId, texts, versions }),
  };
}

/** Users of the specification whose password is stored from before. */
export async function usersWithPassword(db: Queryable, databaseId: string, spec: DatabaseSpec): Promise<Set<string>> {
  // Nothing is stored under a name that cannot be one, and a server refuses to be asked for NUL.
  const names = (spec.database_users ?? []).map(({ username }) => username).filter((name) => !nameProblem(name));
  const stored = await currentSecrets(
    db,
    names.map((name) => userSecretId(databaseId, name)),
  );
  return new Set(names.filter((name) => stored.has(userSecretId(databaseId, name))));
}
