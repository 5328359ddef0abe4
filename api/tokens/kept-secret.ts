/** Secrets of tokens in answers that are kept for retries (R7): sealed, and gone with the answer after ten minutes. */
import { z } from '@hono/zod-openapi';
import { insertAudit } from '../../store/audit.ts';
import { askedBy } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';

export const sealedSchema = z.object({ keyId: z.string(), bytes: z.base64() });

const identityOf = (id: string) => ({ secretId: `token/${id}`, owner: `token/${id}`, version: 1 });

/** The secret of the token `id`, as it may be stored. */
export function sealForRetry(
  deps: Pick<ApiDeps, 'sealer'>,
  token: { id: string; text: string },
): z.infer<typeof sealedSchema> {
  const { keyId, bytes } = deps.sealer.seal(identityOf(token.id), token.text);
  return { keyId, bytes: bytes.toString('base64') };
}

/** The same secret once more, for the same request; audited as a reveal. */
export async function revealAgain(
  deps: Pick<ApiDeps, 'db' | 'sealer'>,
  caller: Caller,
  { id, sealed, resource = `token/${id}` }: { id: string; sealed: z.infer<typeof sealedSchema>; resource?: string },
): Promise<string> {
  await insertAudit(deps.db, {
    kind: 'reveal',
    ...askedBy(caller),
    action: 'token.secret',
    resource,
  });
  return deps.sealer.open(identityOf(id), { keyId: sealed.keyId, bytes: Buffer.from(sealed.bytes, 'base64') });
}
