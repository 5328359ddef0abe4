import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { TestStack } from '../../support/stack.ts';

/** What clients that log in again and again have seen. */
export interface ClientReport {
  logins: number;
  refused: { atMs: number; reason: string }[];
}

/** Clients that log in again and again, each a few times a second, as the file of a consumer tells them. */
export function startClients(
  stack: TestStack,
  of: { login: () => Promise<{ user: string; password: string }>; database: string; count: number },
): { stop(): Promise<ClientReport> } {
  const report: ClientReport = { logins: 0, refused: [] };
  const startedAt = performance.now();
  let stopping = false;
  const [endpoint] = stack.target.address.endpoints;
  const ssl = { ca: stack.target.address.tls.caCertificate };

  async function client(): Promise<void> {
    while (!stopping) {
      const login = await of.login().catch(() => undefined);
      // The test is over, and its files are gone.
      if (login === undefined) return;
      const connection = new pg.Client({
        host: endpoint?.address,
        port: endpoint?.port,
        database: of.database,
        ssl,
        ...login,
      });
      connection.on('error', () => undefined);
      try {
        await connection.connect();
        await connection.query('SELECT 1');
        report.logins += 1;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        report.refused.push({ atMs: Math.round(performance.now() - startedAt), reason });
      } finally {
        await connection.end().catch(() => undefined);
      }
      await delay(50);
    }
  }

  const running = Promise.all(Array.from({ length: of.count }, client));
  return {
    async stop() {
      stopping = true;
      await running;
      return report;
    },
  };
}
