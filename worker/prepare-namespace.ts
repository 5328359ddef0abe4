import { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.ts';
import { ensureSearchAttributes } from '../platform/temporal/search-attributes.ts';

/** Registers the search attributes of our runs on a Temporal server that is not ours. */
export async function prepareNamespace({ address, namespace }: { address: string; namespace: string }): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    await ensureSearchAttributes(connection, { namespace, searchAttributes: SEARCH_ATTRIBUTES });
  } finally {
    await connection.close();
  }
}
