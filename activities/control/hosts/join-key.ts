import { Failure } from '../../../domain/failures.ts';
import { joinTokenSecretId } from '../../../store/join-tokens.ts';
import { currentSecrets } from '../../../store/secrets.ts';
import type { ControlDeps } from '../deps.ts';

/** What a host that joined with this token proves its claims with, and takes sealed orders under. @throws SecretUnreadable */
export async function joinKeyFor(
  { db, sealer, joinToken }: Pick<ControlDeps, 'db' | 'sealer' | 'joinToken'>,
  tokenId: string | null,
): Promise<string> {
  if (tokenId === null) return joinToken;
  const id = joinTokenSecretId(tokenId);
  const stored = (await currentSecrets(db, [id])).get(id);
  if (stored === undefined) throw new Failure('SecretUnreadable', `the key of join token ${tokenId} is gone`);
  const { version, keyId, sealed } = stored;
  return sealer.open({ secretId: id, owner: id, version }, { keyId, bytes: sealed });
}
