import pg from 'pg';
import type { Queryable } from './connection.ts';
import { createGatherer, type Gatherer } from './gather.ts';

const shared = new WeakMap<pg.Pool, Map<string, Gatherer<'rows', pg.QueryResultRow[]>>>();

/**
 * Runs a named statement that only reads. Outside of transactions, callers who ask the same at the same time share one answer,
 * which was read after each of them asked; nobody changes its rows.
 */
export async function readShared<R extends pg.QueryResultRow>(db: Queryable, query: pg.QueryConfig): Promise<R[]> {
  if (!(db instanceof pg.Pool)) return (await db.query<R>(query)).rows;
  const reads = shared.get(db) ?? new Map<string, Gatherer<'rows', pg.QueryResultRow[]>>();
  shared.set(db, reads);
  const key = JSON.stringify([query.name, query.values]);
  const gatherer =
    reads.get(key) ??
    createGatherer<'rows', pg.QueryResultRow[]>(async () => new Map([['rows', (await db.query<R>(query)).rows]]));
  reads.set(key, gatherer);
  try {
    return ((await gatherer.ask('rows')) ?? []) as R[];
  } finally {
    if (gatherer.isIdle() && reads.get(key) === gatherer) reads.delete(key);
  }
}
