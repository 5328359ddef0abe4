import type pg from 'pg';
import type { Verification } from '../../domain/audit/report.ts';
import { createChainCheck } from '../../domain/audit/verify.ts';
import { Failure } from '../../domain/failures.ts';
import { readAnchors } from '../../platform/audit/read-anchors.ts';
import { type ChainMac, chainBeginning, createChainMac } from '../../platform/secrets/chain-mac.ts';
import type { Keyring } from '../../platform/secrets/keyring.ts';
import { readAuditSnapshot } from '../../store/audit-verification.ts';

/** Verifies a whole log: its chain, its rows outside of the chain, and its anchors. */
export async function verifyAudit(
  db: pg.Pool,
  using: { keyring: Keyring; anchorFiles: readonly string[] },
): Promise<Verification> {
  // Before the snapshot: what is anchored later would not be in it.
  const anchors = await readAnchors(using.anchorFiles);
  const mac = createChainMac(using.keyring);
  return readAuditSnapshot(db, async (snapshot) => {
    const check = createChainCheck({
      beginning: chainBeginning(snapshot.installationId),
      macOf: (previous, link) => macWhereKnown(mac, previous, link),
      anchors: anchors.inOrder(),
      newestAnchor: anchors.newest,
    });
    for await (const entry of snapshot.entries()) check.entry(entry);
    for await (const row of snapshot.unchained()) check.unchained(row);
    for await (const { auditId } of snapshot.vanished()) check.vanished(auditId);
    return { verdict: check.verdict(), anchors, at: snapshot.at };
  });
}

function macWhereKnown(mac: ChainMac, ...of: Parameters<ChainMac['of']>): string | undefined {
  try {
    return mac.of(...of);
  } catch (error) {
    if (error instanceof Failure && error.type === 'KeyUnavailable') return undefined;
    throw error;
  }
}
