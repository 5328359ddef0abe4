import type pg from 'pg';

/** Cursors are of a transaction; a connection has one at a time. */
const CURSOR = 'streamed';

/**
 * Rows of a query as they are asked for, a few at a time, in the transaction of `tx`. PostgreSQL plans it so that the first ones come
 * soon. A cursor of SQL and not pg-query-stream, whose stream never ends when its connection is lost.
 */
export async function* streamRows<Row extends pg.QueryResultRow>(
  tx: pg.ClientBase,
  query: { text: string; values?: unknown[]; atATime: number },
): AsyncGenerator<Row, void, undefined> {
  await tx.query(`DECLARE ${CURSOR} NO SCROLL CURSOR FOR ${query.text}`, query.values ?? []);
  for (;;) {
    const { rows } = await tx.query<Row>(`FETCH ${query.atATime} FROM ${CURSOR}`);
    yield* rows;
    if (rows.length < query.atATime) break;
  }
  await tx.query(`CLOSE ${CURSOR}`);
}
