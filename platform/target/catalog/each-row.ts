import pg from 'pg';

/**
 * Runs a query and hands over each row as it arrives, in one round trip; none is kept.
 * @throws what the server or `take` says first, after the query's end: the connection can be used again.
 */
export function eachRow<Row extends unknown[]>(
  client: pg.ClientBase,
  query: { text: string; values: unknown[] },
  take: (row: Row) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: { reason: unknown } | undefined;
    const config: pg.QueryArrayConfig = { ...query, rowMode: 'array' };
    const running = client.query(new pg.Query<Row>(config));
    running.on('row', (row: Row) => {
      if (failure !== undefined) return;
      // An exception here would go to the connection's socket, and end the process.
      try {
        take(row);
      } catch (reason) {
        failure = { reason };
      }
    });
    running.on('error', reject);
    running.on('end', () => (failure === undefined ? resolve() : reject(failure.reason)));
  });
}
