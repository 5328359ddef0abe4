import { createHmac, timingSafeEqual } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { Failure } from '../../domain/failures.ts';
import { canonicalBytes } from './aes-gcm.ts';

/** What a host worker says about itself when it joins (R12). */
export interface JoinClaim {
  hostId: string;
  /** Identity of the worker process: new on every start. */
  workerId: string;
  /** Public half of the host's key; secrets for the host are sealed to it. */
  publicJwk: JWK;
  /** ISO 8601 time with zone. */
  issuedAt: string;
}

/**
 * Proves that whoever makes this claim holds the join token: HMAC-SHA256 in base64url. Sent in place of the token, which
 * therefore never travels.
 */
export async function joinProof(input: JoinClaim & { token: string }): Promise<string> {
  const thumbprint = await calculateJwkThumbprint(input.publicJwk, 'sha256');
  const subject = canonicalBytes('pgsteward/join/v1', input.hostId, input.workerId, thumbprint, input.issuedAt);
  return createHmac('sha256', input.token).update(subject).digest('base64url');
}

/**
 * Checks a proof made by {@link joinProof}, in constant time.
 * @throws Failure JoinRefused when token or claim differ, or when the claim is older than `maxAgeMs` or from the future
 */
export async function verifyJoinProof(
  input: JoinClaim & { token: string; proof: string; maxAgeMs: number; now: Date },
): Promise<void> {
  const expected = Buffer.from(await joinProof(input));
  const actual = Buffer.from(input.proof);
  if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) {
    throw refused(input, 'its join token is not the one of this control plane');
  }
  const ageMs = input.now.getTime() - Date.parse(input.issuedAt);
  if (!(ageMs <= input.maxAgeMs && ageMs >= -MAX_CLOCK_SKEW_MS)) {
    throw refused(input, `its request was made at ${input.issuedAt}; compare the clocks of both machines`);
  }
}

/** How far the clock of a host may run ahead of ours. */
const MAX_CLOCK_SKEW_MS = 30_000;

function refused(claim: JoinClaim, reason: string): Failure {
  return new Failure('JoinRefused', `host ${claim.hostId} may not join: ${reason}`, {
    details: { hostId: claim.hostId, workerId: claim.workerId },
  });
}
