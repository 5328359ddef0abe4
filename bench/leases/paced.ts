import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { quoteIdentifier, quoteLiteral } from '../../domain/sql/quote.ts';
import type { Superuser } from '../roles/connection.ts';
import { serve } from '../roles/helper.ts';

/**
 * Leases asked for at a rate, whether earlier ones have been answered or not: what many callers who know nothing of each other do. The
 * floor is the same login made by hand over open connections, with a verifier that was made before.
 */
export interface PacedRequest {
  perSecond: number;
  count: number;
  of:
    | { kind: 'leases'; baseUrl: string; headers: Record<string, string>; wish: object }
    | { kind: 'floor'; superuser: Superuser; connections: number; group: string; prefix: string; verifier: string };
}

export interface PacedAnswer {
  /** From the moment when each was due, in milliseconds. */
  latencies: number[];
  failures: string[];
  /** From the first one due to the last answer, in milliseconds. */
  ms: number;
}

type Act = (index: number) => Promise<string | undefined>;

serve<PacedRequest, PacedAnswer>(async ({ perSecond, count, of }) => {
  const { act, close } = of.kind === 'leases' ? overHttp(of) : await overSql(of);
  const latencies: number[] = [];
  const failures: string[] = [];
  const startedAt = performance.now();
  const pending: Promise<void>[] = [];
  for (let index = 0; index < count; index += 1) {
    const due = startedAt + (index * 1_000) / perSecond;
    const wait = due - performance.now();
    if (wait > 0) await delay(wait);
    pending.push(
      act(index).then((failure) => {
        latencies.push(performance.now() - due);
        if (failure !== undefined) failures.push(failure);
      }),
    );
  }
  await Promise.all(pending);
  const ms = performance.now() - startedAt;
  await close();
  return { latencies, failures, ms };
});

function overHttp(of: Extract<PacedRequest['of'], { kind: 'leases' }>): { act: Act; close: () => Promise<void> } {
  const agent = new Agent({ keepAlive: true, maxSockets: 512 });
  const body = JSON.stringify(of.wish);
  const headers = { ...of.headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const act: Act = () =>
    new Promise((resolve) => {
      const outgoing = request(new URL('/v1/leases', of.baseUrl), { method: 'POST', agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        response.on('error', (error) => resolve(error.message));
        response.on('end', () =>
          resolve(response.statusCode === 201 ? undefined : `${response.statusCode}: ${text.slice(0, 200)}`),
        );
      });
      outgoing.on('error', (error) => resolve(error.message));
      outgoing.end(body);
    });
  return { act, close: async () => agent.destroy() };
}

async function overSql(
  of: Extract<PacedRequest['of'], { kind: 'floor' }>,
): Promise<{ act: Act; close: () => Promise<void> }> {
  const { superuser, connections, group, prefix, verifier } = of;
  const pool = new pg.Pool({ ...superuser, database: 'postgres', max: connections, application_name: 'bench-floor' });
  await Promise.all(Array.from({ length: connections }, () => pool.query('SELECT pg_sleep(0.05)')));
  const until = quoteLiteral(new Date(Date.now() + 3_600_000).toISOString());
  const act: Act = async (index) => {
    const name = quoteIdentifier(`${prefix}${index}`);
    try {
      await pool.query(
        `BEGIN; CREATE ROLE ${name} LOGIN VALID UNTIL ${until} PASSWORD ${quoteLiteral(verifier)};
         COMMENT ON ROLE ${name} IS 'by hand'; GRANT ${quoteIdentifier(group)} TO ${name}; COMMIT`,
      );
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  return { act, close: () => pool.end() };
}
