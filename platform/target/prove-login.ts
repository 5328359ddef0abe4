import pg from 'pg';
import { Failure } from '../../domain/failures.ts';
import type { Endpoint } from './address.ts';
import { ConnectError, type TargetSession } from './connection.ts';
import { toFailure } from './errors.ts';
import type { TargetServer } from './target-server.ts';

/** Whether a role can log in with a password. */
export type LoginProof =
  /** The password was accepted by SCRAM; `remark` says why there was no session all the same, such as a connection limit. */
  { proven: true; remark?: string } | { proven: false; reason: UnprovenReason; message: string };

/**
 * Why a login is not proven. `refused`: wrong password, or one that has expired. `no_hba_entry`: pg_hba.conf does not let this
 * role in from here, so nothing is known of the password. `not_scram`: the server wanted to know something else than SCRAM, or
 * nothing. `not_permitted`: the role has NOLOGIN.
 */
type UnprovenReason = 'refused' | 'no_hba_entry' | 'not_scram' | 'unreachable' | 'connection_limit' | 'not_permitted';

/** Before the server has looked at a password; by class or code of SQLSTATE. */
const BEFORE: readonly [code: RegExp, reason: UnprovenReason][] = [
  [/^28P01$/, 'refused'],
  // ClientAuthentication() in auth.c: no entry of pg_hba.conf, a `reject` entry, or a client certificate is missing.
  [/^28/, 'no_hba_entry'],
  [/^53300$/, 'connection_limit'],
];

/**
 * Whether a role can log in on the primary, or at an endpoint, with a password, in the maintenance database unless given. Only SCRAM proves it.
 * Takes one of the server's connections. @throws what `signal` was aborted with, TwoPrimaries
 */
export async function proveLogin(
  server: TargetServer,
  input: { role: string; password: string; database?: string; at?: Endpoint; signal?: AbortSignal },
): Promise<LoginProof> {
  const { role: user, password, database = server.address.maintenanceDb, signal } = input;
  const session: TargetSession = {
    applicationName: 'pgsteward',
    doing: `logging in as ${user}`,
    ...(signal === undefined ? {} : { signal }),
  };
  try {
    await server.tryLogin({ user, password, database }, session, input.at);
    return { proven: true };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ConnectError) return judgeLogin(error, session.doing);
    if (!(error instanceof Failure) || error.type === 'TwoPrimaries') throw error;
    return { proven: false, reason: 'unreachable', message: error.message };
  }
}

/**
 * What a failed attempt to log in says. The server checks the password first and everything else afterwards (InitPostgres() in
 * postinit.c): LOGIN, the limits of role and database, whether the database takes connections, CONNECT.
 */
function judgeLogin({ authentication, cause }: ConnectError, doing: string): LoginProof {
  const { message } = toFailure(cause, doing);
  const code = cause instanceof pg.DatabaseError ? (cause.code ?? '') : '';
  if (authentication.asked === 'cleartext' || authentication.asked === 'md5') {
    return { proven: false, reason: 'not_scram', message };
  }
  if (!authentication.accepted) {
    const reason = BEFORE.find(([pattern]) => pattern.test(code))?.[1] ?? 'unreachable';
    return { proven: false, reason, message };
  }
  // InitializeSessionUserId() in miscinit.c: "role … is not permitted to log in".
  if (/^28/.test(code)) return { proven: false, reason: 'not_permitted', message };
  if (!authentication.byScram) return { proven: false, reason: 'not_scram', message };
  if (code === '') return { proven: false, reason: 'unreachable', message };
  return { proven: true, remark: message };
}
