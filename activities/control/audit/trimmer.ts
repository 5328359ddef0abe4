import type pg from 'pg';
import type { StoredCheckpoint } from '../../../domain/audit/checkpoint.ts';
import { Failure } from '../../../domain/failures.ts';
import { appendCheckpoint } from '../../../platform/audit/anchor-file.ts';
import type { Log } from '../../../platform/log.ts';
import { type ChainMac, chainBeginning } from '../../../platform/secrets/chain-mac.ts';
import { addCheckpoint, isLeft, newestCheckpoint, removeCovered } from '../../../store/audit-checkpoints.ts';
import { inTransaction, type Queryable } from '../../../store/connection.ts';

/** Entries that one checkpoint covers at most: what one run removes. */
const CHECKPOINT_LIMIT = 50_000;

/** Removes the oldest rows of the audit log so that the rest can still be verified. */
export interface AuditTrimmer {
  /**
   * Removes some rows. What is to go is on record in a checkpoint, and that is anchored outside of the database, before any row goes.
   * @param input.note called in the transaction that removes them
   * @throws Failure ConfigurationInvalid when the anchor file cannot be written: then nothing goes
   */
  trim(input: {
    days: number;
    limit: number;
    note: (tx: Queryable, removed: number) => Promise<void>;
  }): Promise<{ removed: number; more: boolean }>;
}

/** One per process: it remembers what it has anchored. */
export function createAuditTrimmer(deps: {
  db: pg.Pool;
  installationId: string;
  mac: ChainMac;
  anchorFile: string;
  log: Log;
}): AuditTrimmer {
  const { db, mac, anchorFile, log } = deps;
  const beginning = chainBeginning(deps.installationId);
  /** Number of the last checkpoint that is in the file. */
  let anchored: number | undefined;

  async function anchor(checkpoint: StoredCheckpoint): Promise<void> {
    if (checkpoint.seq === anchored) return;
    try {
      await appendCheckpoint(anchorFile, checkpoint);
    } catch (error) {
      throw new Failure(
        'ConfigurationInvalid',
        `no row of the audit log is removed before its checkpoint is anchored, and ${anchorFile} cannot be written to: ${(error as Error).message}`,
        { cause: error },
      );
    }
    anchored = checkpoint.seq;
    log.info(checkpoint, 'a checkpoint of the audit log covers what is removed from its beginning');
  }

  return {
    async trim({ days, limit, note }) {
      const newest = await newestCheckpoint(db);
      const unfinished = newest !== undefined && (await isLeft(db, newest));
      const checkpoint = unfinished
        ? newest
        : await addCheckpoint(db, {
            days,
            limit: CHECKPOINT_LIMIT,
            keyId: mac.keyId,
            macOf: (made) => mac.ofCheckpoint(beginning, made),
          });
      if (checkpoint === undefined) {
        await note(db, 0);
        return { removed: 0, more: false };
      }
      await anchor(checkpoint);
      const removed = await inTransaction(db, async (tx) => {
        const count = await removeCovered(tx, { checkpoint, limit });
        await note(tx, count);
        return count;
      });
      return { removed, more: removed === limit };
    },
  };
}
