import type { JWK } from 'jose';
import { Failure } from '../../../domain/failures.ts';
import type { HostClaim, HostJoinConfirmation, HostJoinRequest, HostJoinResult } from '../../../domain/join.ts';
import { verifyJoinProof } from '../../../platform/secrets/join-proof.ts';
import {
  clearTombstones,
  findHost,
  listHosts,
  listTombstones,
  recordJoin,
  recordLeave as storeLeave,
} from '../../../store/hosts.ts';
import type { ControlDeps } from '../deps.ts';

/** A proof is made right before it is sent; the bound leaves room for a control plane that is still starting. */
const PROOF_MAX_AGE_MS = 10 * 60_000;

/** @throws JoinRefused when the proof was not made with this installation's join token (R12) */
async function assertProof(deps: ControlDeps, input: HostClaim): Promise<void> {
  await verifyJoinProof({
    hostId: input.hostId,
    workerId: input.workerId,
    publicJwk: input.publicKey as JWK,
    issuedAt: input.issuedAt,
    proof: input.proof,
    token: deps.joinToken,
    maxAgeMs: PROOF_MAX_AGE_MS,
    now: new Date(),
  });
}

/** Checks the proof, and names the worker that served the host id before. */
export async function checkClaim(
  deps: ControlDeps,
  input: HostClaim,
): Promise<{ installationId: string; previousWorkerId: string | null }> {
  await assertProof(deps, input);
  const host = await findHost(deps.db, input.hostId);
  return { installationId: deps.installationId, previousWorkerId: host?.workerId ?? null };
}

/** Records the join. The proof is checked again: workflow arguments are no authority (R13). */
export async function acceptJoin(deps: ControlDeps, input: HostJoinRequest): Promise<HostJoinResult> {
  await assertProof(deps, input);
  await recordJoin(deps.db, {
    hostId: input.hostId,
    workerId: input.workerId,
    publicKey: input.publicKey as JWK,
    facts: input.facts,
  });
  return { tombstones: await listTombstones(deps.db, input.hostId) };
}

/**
 * Forgets the removals that the host has taken over, and tells it of those that came up meanwhile.
 * @throws JoinRefused when another worker was admitted since: a worker that does not take work yet answers nobody (R12)
 */
export async function confirmJoin(deps: ControlDeps, input: HostJoinConfirmation): Promise<HostJoinResult> {
  await assertProof(deps, input);
  const { hostId, workerId, executed } = input;
  const host = await findHost(deps.db, hostId);
  if (host?.workerId !== workerId) {
    throw new Failure('JoinRefused', `another worker was admitted under host id ${hostId} while this one was starting`);
  }
  await clearTombstones(deps.db, { hostId, executed });
  return { tombstones: await listTombstones(deps.db, hostId) };
}

export async function recordLeave(deps: ControlDeps, input: { hostId: string; workerId: string }): Promise<void> {
  await storeLeave(deps.db, input);
}

export async function listHostIds(deps: ControlDeps): Promise<{ hostIds: string[] }> {
  const hosts = await listHosts(deps.db);
  return { hostIds: hosts.filter((host) => host.facts !== null).map((host) => host.id) };
}
