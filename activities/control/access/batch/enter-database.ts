import pg from 'pg';
import { Failure } from '../../../../domain/failures.ts';
import { quoteIdentifier } from '../../../../domain/sql/quote.ts';
import { reasonOf } from '../../../../platform/target/connector.ts';
import type { ConnectionLease, TargetServer } from '../../../../platform/target/target-server.ts';

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
      throw new Failure('DocumentInvalid', `server ${server.name} has no database "${database}"`, { cause: reason });
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
