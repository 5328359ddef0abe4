import { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.ts';
import type { Frontend } from '../platform/temporal/frontend.ts';
import { ensureSearchAttributes } from '../platform/temporal/search-attributes.ts';

/** Registers the search attributes of our runs on a Temporal server that is not ours. */
export async function prepareNamespace(input: { frontend: Frontend; namespace: string }): Promise<void> {
  const { frontend, namespace } = input;
  const connection = await Connection.connect(frontend);
  try {
    await ensureSearchAttributes(connection, { namespace, searchAttributes: SEARCH_ATTRIBUTES });
  } finally {
    await connection.close();
  }
}
