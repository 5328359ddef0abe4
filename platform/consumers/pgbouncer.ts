import pg from 'pg';
import { Failure } from '../../domain/failures.ts';

const TIMEOUT_MS = 5_000;

/** Sends commands to PgBouncer's admin console, which takes nothing but simple queries. @throws Failure ServerUnavailable, NotAllowed */
export async function commandPgbouncer(
  at: { host: string; port: number; user: string; password: string },
  commands: readonly string[],
): Promise<void> {
  const client = new pg.Client({
    ...at,
    database: 'pgbouncer',
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  const where = `PgBouncer at ${at.host}:${at.port}`;
  try {
    await client.connect().catch((error: Error & { code?: string }) => {
      const refused = error.code === '08P01' || error.code === '28P01' || /auth|login|password/i.test(error.message);
      throw refused
        ? new Failure(
            'NotAllowed',
            `${where} does not let "${at.user}" in; see admin_users and the password of the consumer`,
          )
        : new Failure('ServerUnavailable', `${where} does not answer: ${error.code ?? error.message}`);
    });
    for (const command of commands) {
      await client.query(command).catch((error: Error & { code?: string }) => {
        const name = command.split(' ', 1)[0];
        throw new Failure('NotAllowed', `${where} refused ${name}: ${error.message}`);
      });
    }
  } finally {
    await client.end().catch(() => undefined);
  }
}
