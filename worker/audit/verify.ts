import type pg from 'pg';
import type { Verification } from '../../domain/audit/report.ts';
import { createChainCheck } from '../../domain/audit/verify.ts';
import { Failure } from '../../domain/failures.ts';
import { readAnchors } from '../../platform/audit/read-anchors.ts';
import { chainBeginning, createChainMac } from '../../platform/secrets/chain-mac.ts';
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
    const beginning = chainBeginning(snapshot.installationId);
    const check = createChainCheck({
      beginning,
      macOf: (previous, link) => whereKnown(() => mac.of(previous, link)),
      checkpoints: await snapshot.checkpoints(),
      checkpointMacOf: (checkpoint) => whereKnown(() => mac.ofCheckpoint(beginning, checkpoint)),
      anchors: anchors.inOrder(),
      newestAnchor: anchors.newest,
    });
    for await (const entry of snapshot.entries()) check.entry(entry);
    for await (const row of snapshot.unchained()) check.unchained(row);
    for await (const { auditId } of snapshot.vanished()) check.vanished(auditId);
    return { verdict: check.verdict(), anchors, at: snapshot.at };
  });
}

function whereKnown(mac: () => string): string | undefined {
  try {
    return mac();
  } catch (error) {
    if (error instanceof Failure && error.type === 'KeyUnavailable') return undefined;
    throw error;
  }
}
