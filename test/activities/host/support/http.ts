/** Status and body of one request on a connection of its own. */
export async function call(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; text: string; headers: Headers }> {
  const { headers, ...rest } = options;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    ...rest,
    headers: { connection: 'close', ...headers },
    signal: AbortSignal.timeout(30_000),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** True when nothing answers on the port. */
export async function isSilent(port: number): Promise<boolean> {
  return await call(port, '/').then(
    () => false,
    () => true,
  );
}
