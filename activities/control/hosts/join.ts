import type { JWK } from 'jose';
import type { HostClaim, HostJoinRequest, HostJoinResult } from '../../../domain/join.ts';
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

export async function confirmTombstones(
  deps: ControlDeps,
  input: { hostId: string; instanceIds: string[] },
): Promise<void> {
  await clearTombstones(deps.db, input);
}

export async function recordLeave(deps: ControlDeps, input: { hostId: string; workerId: string }): Promise<void> {
  await storeLeave(deps.db, input);
}

export async function listHostIds(deps: ControlDeps): Promise<{ hostIds: string[] }> {
  const hosts = await listHosts(deps.db);
  return { hostIds: hosts.filter((host) => host.facts !== null).map((host) => host.id) };
}
