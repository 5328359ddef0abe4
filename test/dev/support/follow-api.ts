import { until } from '../../support/follow.ts';

/** Waits until a database has the state, as anybody who polls the API would. */
export async function databaseIs(apiUrl: string, id: string, state: string): Promise<void> {
  await until(async () => {
    const response = await fetch(`${apiUrl}/v1/databases/${id}`);
    const body = (await response.json()) as { state?: string };
    if (body.state === 'failed' && state !== 'failed')
      throw new Error(`database ${id} failed: ${JSON.stringify(body)}`);
    return body.state === state ? true : undefined;
  }, 60_000);
}

/** Waits until there is no database of that id. */
export async function databaseIsGone(apiUrl: string, id: string): Promise<void> {
  await until(async () => {
    const response = await fetch(`${apiUrl}/v1/databases/${id}`);
    await response.body?.cancel();
    return response.status === 404 ? true : undefined;
  }, 60_000);
}

/** Waits until a service gives rows, and answers with them. */
export async function rowsOf(url: string): Promise<unknown> {
  return until(async () => {
    const response = await fetch(url).catch(() => undefined);
    return response?.status === 200 ? { rows: await response.json() } : undefined;
  }, 30_000).then(({ rows }) => rows);
}
