import { calculateJwkThumbprint, type JWK } from 'jose';
import { Failure } from '../../../domain/failures.ts';
import type { HostClaim } from '../../../domain/join.ts';
import { verifyJoinProof } from '../../../platform/secrets/join-proof.ts';
import type { Queryable } from '../../../store/connection.ts';
import { findHost } from '../../../store/hosts.ts';
import { findJoinToken, type JoinTokenRecord } from '../../../store/join-tokens.ts';
import type { ControlDeps } from '../deps.ts';
import { joinKeyFor } from './join-key.ts';

/** A proof is made right before it is sent; the bound leaves room for a control plane that is still starting. */
const PROOF_MAX_AGE_MS = 10 * 60_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Checks that a claim was made with a join token of this installation, and that the token may still admit the host (R12). A host that
 * joined with it before and has the same key goes on, whatever became of the token since.
 * @param tx where it is given, the token is held in it
 * @throws JoinRefused
 */
export async function assertClaim(deps: ControlDeps, input: HostClaim, tx?: Queryable): Promise<void> {
  const { hostId, joinTokenId } = input;
  const token =
    joinTokenId === undefined ? undefined : await requireToken(tx ?? deps.db, input, { lock: tx !== undefined });
  await verifyJoinProof({
    hostId,
    workerId: input.workerId,
    publicJwk: input.publicKey as JWK,
    issuedAt: input.issuedAt,
    proof: input.proof,
    token: await joinKeyFor(deps, token?.id ?? null),
    maxAgeMs: PROOF_MAX_AGE_MS,
    now: new Date(),
  });
  // After the proof: whoever guesses ids learns nothing of tokens.
  if (token !== undefined) await assertAdmits(tx ?? deps.db, token, input);
}

async function requireToken(db: Queryable, input: HostClaim, options: { lock: boolean }): Promise<JoinTokenRecord> {
  const { joinTokenId = '' } = input;
  const token = UUID.test(joinTokenId) ? await findJoinToken(db, joinTokenId, options) : undefined;
  if (token === undefined) throw refused(input, 'its join token is not the one of this control plane');
  return token;
}

async function assertAdmits(db: Queryable, token: JoinTokenRecord, input: HostClaim): Promise<void> {
  const { hostId } = input;
  const host = await findHost(db, hostId);
  const sameKey =
    host?.publicKey != null &&
    (await calculateJwkThumbprint(host.publicKey)) === (await calculateJwkThumbprint(input.publicKey as JWK));
  if (sameKey && host.joinTokenId === token.id) return;
  if (token.revokedAt !== null) throw refused(input, `its join token "${token.name}" was revoked`);
  if (token.expired) throw refused(input, `its join token "${token.name}" expired at ${token.expiresAt.toISOString()}`);
  if (host?.publicKey != null && !sameKey && host.joinTokenId !== token.id) {
    throw refused(
      input,
      'a host of that id joined with another token and another key; choose another PGSTEWARD_HOST_ID, or delete that host first',
    );
  }
  const { hosts, maxHosts } = token;
  if (maxHosts !== null && !hosts.includes(hostId) && hosts.length >= maxHosts) {
    throw refused(
      input,
      `its join token "${token.name}" has admitted ${hosts.join(', ')}, and no more hosts may use it`,
    );
  }
}

function refused({ hostId, workerId }: HostClaim, reason: string): Failure {
  return new Failure('JoinRefused', `host ${hostId} may not join: ${reason}`, { details: { hostId, workerId } });
}
