import { Connection, isGrpcServiceError } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.ts';
import { ensureNamespace } from '../platform/temporal/namespace.ts';
import { ensureSearchAttributes } from '../platform/temporal/search-attributes.ts';
import { type Needed, untilUp } from './until-up.ts';

/** A fresh connection for each attempt: gRPC waits longer and longer between the attempts of one. */
const ATTEMPT_TIMEOUT_MS = 2_000;

/** What a process asks of a Temporal server that is not ours. */
export interface NamespaceNeed {
  address: string;
  namespace: string;
  /**
   * Whether this process sees to it that the namespace is there with our search attributes, keeping histories for so many
   * days; the others wait for it.
   */
  register?: { retentionDays: number };
}

/** Waits until Temporal answers and the namespace can be used, which control workers make where it is missing. */
export function awaitNamespace(need: NamespaceNeed, around: Omit<Needed, 'what'>): Promise<void> {
  const what = `Temporal at ${need.address}`;
  return untilUp({ ...around, what }, async () => {
    let connection: Connection;
    try {
      connection = await Connection.connect({ address: need.address, connectTimeout: ATTEMPT_TIMEOUT_MS });
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    try {
      return await connection.withDeadline(Date.now() + ATTEMPT_TIMEOUT_MS, () => missing(connection, need));
    } catch (error) {
      // A server that starts answers with errors of every kind; one that refuses for good is told at the end of the wait.
      if (isGrpcServiceError(error)) return error.details || error.message;
      throw error;
    } finally {
      await connection.close();
    }
  });
}

async function missing(connection: Connection, need: NamespaceNeed): Promise<string | undefined> {
  const { namespace, register } = need;
  const wanted = { namespace, ...(register === undefined ? {} : { register }) };
  if (!(await ensureNamespace(connection, wanted))) {
    return register === undefined
      ? `there is no namespace ${namespace} yet, which a control worker registers`
      : 'it is new';
  }
  if (register === undefined) return undefined;
  const all = await ensureSearchAttributes(connection, { namespace, searchAttributes: SEARCH_ATTRIBUTES });
  return all ? undefined : 'its search attributes are new';
}
