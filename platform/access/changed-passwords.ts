import type pg from 'pg';
import type { SubmittedPassword } from '../../domain/access/document.ts';
import type { ObservedServer } from '../../domain/access/observed.ts';
import type { Sealer } from '../secrets/seal.ts';
import type { SessionFacts } from '../target/catalog/cluster.ts';
import { unchangedPasswords } from '../target/catalog/passwords.ts';

/**
 * Roles whose submitted password is not the one that they have: each verifier costs the server milliseconds, so an unchanged one
 * is not sent again. Where pg_authid is not readable, the password that this installation set last counts.
 * @param input.fingerprints of the passwords that were set last, for roles that still have the OID they had then
 */
export async function changedPasswords(
  client: pg.ClientBase,
  input: {
    observed: ObservedServer;
    passwords: ReadonlyMap<string, SubmittedPassword>;
    sealer: Sealer;
    /** As read before. */
    facts?: SessionFacts;
    fingerprints: (roles: readonly { roleName: string; oid: number }[]) => Promise<ReadonlyMap<string, string>>;
  },
): Promise<ReadonlySet<string>> {
  const { observed } = input;
  const changed = new Set(input.passwords.keys());
  const existing = new Map([...input.passwords].filter(([role]) => observed.roles.has(role)));
  if (existing.size === 0) return changed;
  const { readable, unchanged } = await unchangedPasswords(client, existing, input.facts);
  if (readable) {
    for (const role of unchanged) changed.delete(role);
    return changed;
  }
  const roles = [...existing.keys()].map((roleName) => ({ roleName, oid: observed.roles.get(roleName)?.oid ?? 0 }));
  const known = await input.fingerprints(roles);
  for (const [role, submitted] of existing) {
    const fingerprint = known.get(role);
    const text = fingerprintText(observed.name, role, submitted);
    if (fingerprint !== undefined && input.sealer.matchesFingerprint(text, fingerprint)) changed.delete(role);
  }
  return changed;
}

/** Remembers a password that was set, without a way back to it. */
export function passwordFingerprint(
  sealer: Sealer,
  server: string,
  role: string,
  submitted: SubmittedPassword,
): string {
  return sealer.fingerprint(fingerprintText(server, role, submitted));
}

function fingerprintText(server: string, role: string, submitted: SubmittedPassword): string {
  const value = submitted.kind === 'password' ? submitted.password : submitted.verifier;
  return JSON.stringify(['role password', server, role, submitted.kind, value]);
}
