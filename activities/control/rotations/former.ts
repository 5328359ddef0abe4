import type pg from 'pg';
import { clearPassword, setVerifier } from '../../../domain/sql/roles.ts';

/** The verifier before a run, as it is known again. Sealed with the task, by {@link FORMER}. */
export type Former = { kind: 'verifier'; verifier: string } | { kind: 'none' } | { kind: 'unknown' };

/** What the former verifier of a run's login is sealed as. */
export const FORMER = 'former';

/** Of what the server has stored; null: nothing. */
export function formerOfStored(stored: string | null): Former {
  return stored === null ? { kind: 'none' } : { kind: 'verifier', verifier: stored };
}

/** Byte for byte what was there. */
export async function setFormer(
  client: pg.ClientBase,
  login: string,
  former: Exclude<Former, { kind: 'unknown' }>,
): Promise<void> {
  await client.query(former.kind === 'none' ? clearPassword(login) : setVerifier(login, former.verifier));
}
