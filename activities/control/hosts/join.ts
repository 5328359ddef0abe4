import type { JWK } from 'jose';
import { Failure } from '../../../domain/failures.ts';
import type { HostClaim, HostJoinConfirmation, HostJoinRequest, HostJoinResult } from '../../../domain/join.ts';
import { inTransaction } from '../../../store/connection.ts';
import {
  clearTombstones,
  findHost,
  listHosts,
  listTombstones,
  recordJoin,
  recordLeave as storeLeave,
} from '../../../store/hosts.ts';
import { noteJoinTokenUse } from '../../../store/join-tokens.ts';
import type { ControlDeps } from '../deps.ts';
import { assertClaim } from './assert-claim.ts';

/** Checks the proof, and names the worker that served the host id before. */
export async function checkClaim(
  deps: ControlDeps,
  input: HostClaim,
): Promise<{ installationId: string; previousWorkerId: string | null }> {
  await assertClaim(deps, input);
  const host = await findHost(deps.db, input.hostId);
  return { installationId: deps.installationId, previousWorkerId: host?.workerId ?? null };
}

/** Records the join. The proof is checked again: workflow arguments are no authority (R13). */
export async function acceptJoin(deps: ControlDeps, input: HostJoinRequest): Promise<HostJoinResult> {
  const { hostId, joinTokenId: tokenId } = input;
  await inTransaction(deps.db, async (tx) => {
    await assertClaim(deps, input, tx);
    await recordJoin(tx, {
      hostId,
      workerId: input.workerId,
      publicKey: input.publicKey as JWK,
      facts: input.facts,
      joinTokenId: tokenId ?? null,
    });
    if (tokenId !== undefined) await noteJoinTokenUse(tx, { tokenId, hostId });
  });
  return { tombstones: await listTombstones(deps.db, input.hostId) };
}

/**
 * Forgets the removals that the host has taken over, and tells it of those that came up meanwhile.
 * @throws JoinRefused when another worker was admitted since: a worker that does not take work yet answers nobody (R12)
 */
export async function confirmJoin(deps: ControlDeps, input: HostJoinConfirmation): Promise<HostJoinResult> {
  await assertClaim(deps, input);
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
