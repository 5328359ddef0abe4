import { hasPassed } from '../../../domain/access/effective/entry.ts';
import { type DriftFinding, findingKey } from '../../../domain/drift/finding.ts';
import { verifierMatches } from '../../../platform/scram/verifier.ts';
import { openStored } from '../../../platform/secrets/open-stored.ts';
import type { Sealer } from '../../../platform/secrets/seal.ts';
import { proveLogin } from '../../../platform/target/prove-login.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import type { Queryable } from '../../../store/connection.ts';
import type { GuardedRole, ManagedRole } from '../../../store/drift/guarded-roles.ts';
import { secretsAt } from '../../../store/secrets.ts';

/** What is known of the password of a role after a look; without a finding it is the one on record, or nothing is known. */
export interface PasswordCheck {
  role: string;
  mark: string | null;
  provenAt: Date | null;
  finding?: DriftFinding;
}

/** Sealed passwords that roles are to have, opened. Secret: never leaves the process. */
export async function openPasswords(
  db: Queryable,
  sealer: Sealer,
  roles: readonly ManagedRole[],
): Promise<ReadonlyMap<string, string>> {
  const versions = Object.fromEntries(
    roles.flatMap(({ secret }) => (secret === null ? [] : [[secret.id, secret.version]])),
  );
  const stored = await secretsAt(db, versions);
  return new Map(
    roles.flatMap(({ name, secret }) => {
      const sealed = secret === null ? undefined : stored.get(secret.id);
      return sealed === undefined ? [] : [[name, openStored(sealer, sealed)]];
    }),
  );
}

/**
 * Compares what a server stores as passwords with what is on record, without anything leaving this process: with the password where
 * one is kept, else with the mark of what was stored when it was last right.
 * @param touched roles whose password a request has set since
 */
export async function compareStored(input: {
  sealer: Sealer;
  serverName: string;
  roles: readonly ManagedRole[];
  guarded: ReadonlyMap<string, GuardedRole>;
  stored: ReadonlyMap<string, string | null>;
  passwords: ReadonlyMap<string, string>;
  touched: (role: string) => boolean;
  now: Date;
}): Promise<PasswordCheck[]> {
  const { sealer, serverName, guarded, stored, passwords, now } = input;
  return Promise.all(
    input.roles.map(async (role): Promise<PasswordCheck> => {
      const { name } = role;
      const verifier = stored.get(name) ?? null;
      const text = JSON.stringify(['stored password', serverName, name, verifier ?? '']);
      const before = guarded.get(name);
      const sameRole = before?.oid === role.oid;
      const isMarked = sameRole && before.mark !== null && sealer.matchesFingerprint(text, before.mark);
      const provenAt = sameRole ? before.provenAt : null;
      const password = passwords.get(name);
      if (isMarked && before?.version === role.version)
        return { role: name, mark: before.mark, provenAt: provenAt ?? now };
      const mark = () => sealer.fingerprint(text);
      if (password !== undefined) {
        if (verifier !== null && (await verifierMatches(password, verifier)))
          return { role: name, mark: mark(), provenAt: now };
        return { role: name, mark: null, provenAt: null, finding: changed(name, verifier, true) };
      }
      const isNew = !sameRole || before.mark === null || before.version !== role.version || input.touched(name);
      if (isNew) return { role: name, mark: mark(), provenAt };
      return { role: name, mark: before.mark, provenAt, finding: changed(name, verifier, false) };
    }),
  );
}

function changed(role: string, stored: string | null, kept: boolean): DriftFinding {
  return {
    key: findingKey('password', role),
    kind: 'password',
    source: 'credential',
    role,
    expected: 'the password that was set through this installation',
    found:
      stored === null
        ? 'no password'
        : stored.startsWith('md5')
          ? 'another password, stored as md5'
          : 'another password',
    repair: kept ? { passwordOf: role } : { none: 'the password is not kept here: set a new one' },
  };
}

/** Logins that are tried at one look, oldest proof first; the next looks try the others. */
const PROOFS = 25;
/** The same where somebody asked for a whole look. */
const PROOFS_OF_WHOLE = 500;

/** Roles whose password is to be proven by a login now. */
export function proofsDue(input: {
  roles: readonly ManagedRole[];
  guarded: ReadonlyMap<string, GuardedRole>;
  proofSeconds: number;
  whole: boolean;
  now: Date;
}): ManagedRole[] {
  const { guarded, now, whole } = input;
  const provenAt = (role: ManagedRole) => guarded.get(role.name)?.provenAt?.getTime() ?? 0;
  const limit = now.getTime() - input.proofSeconds * 1_000;
  return input.roles
    .filter((role) => role.secret !== null && !role.unsure && (whole || provenAt(role) <= limit))
    .toSorted((a, b) => provenAt(a) - provenAt(b))
    .slice(0, whole ? PROOFS_OF_WHOLE : PROOFS);
}

/** What logins with the passwords on record showed. */
export interface LoginProofs {
  proven: string[];
  refused: DriftFinding[];
  /** Nothing could be told from here. */
  untold: string[];
}

/**
 * Logs in with the passwords on record, one role after the other: where pg_authid cannot be read, nothing else tells whether
 * somebody set another one. A password that has expired is refused like a wrong one, so such a role is left out.
 */
export async function proveLogins(input: {
  server: TargetServer;
  roles: readonly ManagedRole[];
  passwords: ReadonlyMap<string, string>;
  validUntil: (role: string) => string | null | undefined;
  signal: AbortSignal;
  now: Date;
}): Promise<LoginProofs> {
  const { server, passwords, signal, now } = input;
  const proofs: LoginProofs = { proven: [], refused: [], untold: [] };
  for (const { name } of input.roles) {
    const password = passwords.get(name);
    const until = input.validUntil(name);
    if (password === undefined || (until != null && hasPassed(until, now))) {
      proofs.untold.push(name);
      continue;
    }
    const proof = await proveLogin(server, { role: name, password, signal });
    if (proof.proven || proof.reason === 'not_permitted') proofs.proven.push(name);
    else if (proof.reason === 'refused') proofs.refused.push(changed(name, '', true));
    else proofs.untold.push(name);
  }
  return proofs;
}
