import { describe, expect, test } from 'vitest';
import { createHostKeyPair } from '../../../platform/secrets/host-key.ts';
import { type JoinClaim, joinProof, verifyJoinProof } from '../../../platform/secrets/join-proof.ts';

const token = 'a-join-token-for-tests';
const now = new Date('2026-03-01T12:00:00Z');
const maxAgeMs = 60_000;

describe('a join proof', () => {
  test('is accepted for the claim it was made for, and does not contain the token', async () => {
    const claim = await claimOf({});
    const proof = await joinProof({ ...claim, token });
    expect(proof).toMatch(/^[\w-]{43}$/);
    await expect(verifyJoinProof({ ...claim, token, proof, maxAgeMs, now })).resolves.toBeUndefined();
  });

  test('survives that the public key is written with its members in another order', async () => {
    const claim = await claimOf({});
    const proof = await joinProof({ ...claim, token });
    const publicJwk = Object.fromEntries(Object.entries(claim.publicJwk).reverse());
    await expect(verifyJoinProof({ ...claim, publicJwk, token, proof, maxAgeMs, now })).resolves.toBeUndefined();
  });

  test('is refused for any other claim or token', async () => {
    const claim = await claimOf({});
    const proof = await joinProof({ ...claim, token });
    const others = [
      { ...claim, hostId: 'host-2' },
      { ...claim, workerId: 'worker-2' },
      { ...claim, publicJwk: (await createHostKeyPair()).publicJwk },
      { ...claim, issuedAt: '2026-03-01T12:00:01Z' },
      { ...claim, token: 'another-join-token' },
      { ...claim, proof: '' },
      { ...claim, proof: `${proof}A` },
    ];
    for (const other of others) {
      await expect(verifyJoinProof({ token, proof, maxAgeMs, now, ...other })).rejects.toMatchObject({
        type: 'JoinRefused',
        retryable: false,
        message: `host ${other.hostId} may not join: its join token is not the one of this control plane`,
      });
    }
  });

  test.each([
    ['older than the maximum age', '2026-03-01T11:58:59.999Z'],
    ['from the future', '2026-03-01T12:00:30.001Z'],
    ['at no time at all', 'yesterday'],
  ])('%s is refused with advice about the clocks', async (_, issuedAt) => {
    const claim = await claimOf({ issuedAt });
    const proof = await joinProof({ ...claim, token });
    await expect(verifyJoinProof({ ...claim, token, proof, maxAgeMs, now })).rejects.toThrow(
      `its request was made at ${issuedAt}; compare the clocks of both machines`,
    );
  });
});

async function claimOf(some: Partial<JoinClaim>): Promise<JoinClaim> {
  const { publicJwk } = await createHostKeyPair();
  return { hostId: 'host-1', workerId: 'worker-1', publicJwk, issuedAt: '2026-03-01T11:59:00Z', ...some };
}
