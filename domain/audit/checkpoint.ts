/** Where the chain begins after its oldest entries were removed: what the MAC of a checkpoint covers. */
export interface ChainCheckpoint {
  /** Number of the last entry that may go. */
  seq: number;
  /** Its row. */
  auditId: number;
  /** Its MAC, in hexadecimal: the next entry goes on from it. */
  head: string;
  /** Entries since the checkpoint before. */
  removed: number;
  /** Key of the sealing keyring. */
  keyId: string;
  /** ISO 8601 with microseconds, in UTC. */
  madeAt: string;
}

/** The same as it is stored. */
export interface StoredCheckpoint extends ChainCheckpoint {
  /** Hexadecimal. */
  mac: string;
}
