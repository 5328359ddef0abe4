import type { HostFacts, Tombstone } from './services.ts';

/**
 * A host worker's claim to a host id. The join token itself never travels: `proof` is an HMAC over the rest, made with
 * it (R12).
 */
export interface HostClaim {
  hostId: string;
  /** Identity of the worker process: new on every start. */
  workerId: string;
  /** Public JWK that secrets for this host are sealed to. */
  publicKey: Record<string, unknown>;
  /** RFC 3339; old proofs are refused. */
  issuedAt: string;
  proof: string;
  /** Named token that the proof was made with; absent for the shared one. */
  joinTokenId?: string;
}

/** A host worker that is ready to serve asks to be admitted. */
export interface HostJoinRequest extends HostClaim {
  facts: HostFacts;
}

/** An admitted host worker has taken over the removals it was told of. */
export interface HostJoinConfirmation extends HostClaim {
  executed: Tombstone[];
}

/** What an admitted host worker is told: the instances to remove before it serves. */
export interface HostJoinResult {
  tombstones: Tombstone[];
}
