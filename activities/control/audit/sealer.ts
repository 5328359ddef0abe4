import type pg from 'pg';
import type { ChainHead } from '../../../domain/audit/chain.ts';
import { appendAnchor } from '../../../platform/audit/anchor-file.ts';
import type { Log } from '../../../platform/log.ts';
import { type ChainMac, chainBeginning } from '../../../platform/secrets/chain-mac.ts';
import { lookAtChain, macOfEntry, type SealedBatch, sealBatch } from '../../../store/audit-chain.ts';
import { newestCheckpoint } from '../../../store/audit-checkpoints.ts';

/** Rows of one transaction: a fraction of a second, which is how long another sealer waits. */
const BATCH = 5_000;
/** Then the rest is left to the next run. */
const BUDGET_MS = 10_000;

/** Chains what was added to the audit log, and anchors the head of the chain outside of the database. */
export interface AuditSealer {
  seal(): Promise<{ sealed: number }>;
}

/** One per process: it remembers what it has seen, which nobody who writes to the database can change. */
export function createAuditSealer(deps: {
  db: pg.Pool;
  installationId: string;
  mac: ChainMac;
  anchorFile: string;
  log: Log;
}): AuditSealer {
  const { db, mac, anchorFile, log } = deps;
  const beginning = chainBeginning(deps.installationId);
  /** A look of this process after which nothing was left to be sealed. */
  let lastLook: string | null = null;
  /** The head that this process has left. */
  let own: ChainHead | undefined;
  /** Number of the last head that is in the file; undefined until this process has written one. */
  let anchored: number | undefined;

  function looked(at: string): void {
    lastLook = later(lastLook, at);
  }

  /** Whoever changes the end of the chain while a sealer lives is noticed at once, not only by the next verification. */
  async function checkOwn(): Promise<void> {
    if (own === undefined || (await macOfEntry(db, own.seq)) === own.mac) return;
    if (((await newestCheckpoint(db))?.seq ?? 0) >= own.seq) {
      // Old enough to have been removed in order.
      own = undefined;
      return;
    }
    log.error(
      { seq: own.seq, sealedAt: own.sealedAt },
      'the audit chain has lost what was sealed; verify the audit log',
    );
    own = undefined;
  }

  async function anchor(head: ChainHead | undefined): Promise<void> {
    if (head === undefined || head.seq === anchored) return;
    const { seq, mac: headMac, keyId, sealedAt } = head;
    try {
      await appendAnchor(anchorFile, head);
      anchored = seq;
      log.info({ seq, mac: headMac, keyId, sealedAt }, 'the audit log is sealed');
    } catch (error) {
      // Sealed it is all the same; the next run tries again.
      anchored = undefined;
      log.error(
        { err: error, seq, mac: headMac, keyId, sealedAt, anchorFile },
        'a head of the audit chain is not anchored',
      );
    }
  }

  function nextBatch(): Promise<SealedBatch> {
    return sealBatch(db, {
      limit: BATCH,
      keyId: mac.keyId,
      absentAt: (head) => later(lastLook, head?.absentAt ?? null),
      macOf: (previous, link) => mac.of(previous ?? beginning, link),
    });
  }

  return {
    async seal() {
      await checkOwn();
      const look = await lookAtChain(db);
      if (!look.waiting) {
        looked(look.at);
        // After a start, or where the file could not be written to; others anchor what they have sealed.
        if (anchored === undefined) await anchor(look.head);
        return { sealed: 0 };
      }
      const until = performance.now() + BUDGET_MS;
      let sealed = 0;
      let batch: SealedBatch;
      do {
        batch = await nextBatch();
        sealed += batch.rows;
        if (batch.rows > 0) own = batch.head;
        if (batch.rows < BATCH) looked(batch.sealedAt);
      } while (batch.rows === BATCH && performance.now() < until);
      if (sealed > 0 || anchored === undefined) await anchor(batch.head);
      return { sealed };
    },
  };
}

/** Of two times in the same form. */
function later(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}
