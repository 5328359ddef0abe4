import pg from 'pg';
import { Failure } from '../../../../domain/failures.ts';
import { quoteIdentifier } from '../../../../domain/sql/quote.ts';
import { reasonOf } from '../../../../platform/target/connector.ts';
import type { ConnectionLease, TargetServer } from '../../../../platform/target/target-server.ts';

/** SQLSTATEs of a database that is gone, or that nobody can enter because it is about to go. */
const GONE = new Set(['3D000', '55000']);

/** Whether the database that was to be entered is no more, or will be no more in a moment. */
export const isGone = ({ details }: Failure): boolean => GONE.has(String(details.sqlstate));

/** Connects to the database that requests are about. @throws Failure that says what is missing, and who gives it */
export async function enterDatabase(
  server: TargetServer,
  lease: ConnectionLease,
  database: string,
): Promise<pg.ClientBase> {
  try {
    return (await lease.connect({ database })).client;
  } catch (error) {
    const reason = reasonOf(error);
    if (!(reason instanceof pg.DatabaseError)) throw error;
    if (reason.code === '3D000') {
      throw new Failure('DocumentInvalid', `server ${server.name} has no database "${database}"`, {
        details: { sqlstate: reason.code },
        cause: reason,
      });
    }
    if (reason.code !== '42501') throw error;
    const admin = server.address.adminUser;
    throw new Failure(
      'NotAllowed',
      `role "${admin}" may not enter database "${database}"; this gives it the right: GRANT CONNECT ON DATABASE ${quoteIdentifier(database)} TO ${quoteIdentifier(admin)}`,
      { cause: reason },
    );
  }
}
