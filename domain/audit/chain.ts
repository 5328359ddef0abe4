import type { AuditRowText } from './row.ts';

/** What a MAC of the chain covers, beside the MAC before it. */
export interface ChainLink {
  /** 1, 2, 3, … */
  seq: number;
  /** Key of the sealing keyring. */
  keyId: string;
  /** ISO 8601 with microseconds, in UTC: the row was there at this moment. */
  sealedAt: string;
  /** The same of an earlier look, at which it was not there yet. */
  absentAt: string | null;
  row: AuditRowText;
}

/** An end of the chain, as it is anchored outside of the database. */
export interface ChainHead {
  seq: number;
  /** Hexadecimal. */
  mac: string;
  keyId: string;
  sealedAt: string;
}

/** An entry as it is stored; without a row where that is gone. */
export interface ChainEntry extends Omit<ChainLink, 'row'> {
  auditId: number;
  mac: string;
  row: AuditRowText | null;
}
