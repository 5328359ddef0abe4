import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { Failure } from '../../domain/failures.ts';
import { findPassword } from '../../domain/replication/passfile.ts';
import { type TargetAddress, tlsOptions } from '../target/address.ts';

/** Of a network that answers at all. */
const TIMEOUT_MS = 5_000;

/**
 * Logs in for replication, as a standby would, and asks the server who it is.
 * @returns its system identifier
 * @throws Failure NotAllowed saying what the server, or the password file, objected to
 */
export async function loginForReplication(to: {
  address: string;
  port: number;
  user: string;
  passfile: string;
  tls: TargetAddress['tls'];
}): Promise<string> {
  const { address: host, port, user } = to;
  const text = await readFile(to.passfile, 'utf8').catch((cause: unknown) => {
    throw new Failure('NotAllowed', `the password file ${to.passfile} cannot be read`, { cause });
  });
  const password = findPassword(text, { host, port, database: 'replication', user });
  if (password === undefined) {
    throw new Failure('NotAllowed', `${to.passfile} has no line for ${host}:${port}:replication:${user}`);
  }
  const client = new pg.Client({
    ...{ host, port, user, password, replication: 'true' },
    database: 'replication',
    ssl: tlsOptions(to.tls, host),
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ systemid: string }>('IDENTIFY_SYSTEM');
    return rows[0]?.systemid ?? '';
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Failure('NotAllowed', `${host}:${port} takes no standby that logs in as "${user}": ${said}`, { cause });
  } finally {
    await client.end().catch(() => undefined);
  }
}
