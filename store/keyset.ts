/** Pages that begin after a row, so that rows that come or go meanwhile neither repeat others nor hide them. */

/** Which rows of a list, and in which order. */
export interface KeysetPage {
  orderField: 'id' | 'name';
  order: 'asc' | 'desc';
  /** Value of the order field that the page begins after: a UUID, or a name. */
  after?: string | undefined;
  limit: number;
}

const TYPES = { id: 'uuid', name: 'text' } as const;
const DIRECTIONS = { asc: { compare: '>', sort: 'ASC' }, desc: { compare: '<', sort: 'DESC' } } as const;

/**
 * The end of a query: condition, order and bound. Reads one row more than the page has, which tells that there is a next one.
 * @param columns where the order fields stand: a uuid, and a text that is unique in the list, compared by its bytes (COLLATE "C")
 * @param first number of the first free parameter
 */
export function keyset(
  page: KeysetPage,
  columns: { readonly id: string; readonly name: string },
  first: number,
): { condition: string; orderAndLimit: string; values: [after: string | null, limit: number] } {
  const column = columns[page.orderField];
  const { compare, sort } = DIRECTIONS[page.order];
  const type = TYPES[page.orderField];
  return {
    condition: `($${first}::${type} IS NULL OR ${column} ${compare} $${first}::${type})`,
    orderAndLimit: `ORDER BY ${column} ${sort} LIMIT $${first + 1}`,
    values: [page.after ?? null, page.limit + 1],
  };
}
