import { judgeAnswer, type Readiness } from '../../domain/postgrest/answer.ts';
import { probeHttp } from '../../platform/runtime/http-probe.ts';

/**
 * One real request: the OpenAPI document exists once the schema cache is loaded, and is read from the database as the
 * anonymous role.
 */
export async function askRoot(
  { address, port }: { address: string; port: number },
  bounds: { timeoutMs: number; signal?: AbortSignal },
): Promise<Readiness> {
  const headers = { accept: 'application/openapi+json' };
  return judgeAnswer(await probeHttp({ address, port, method: 'GET', path: '/', headers, ...bounds }));
}
