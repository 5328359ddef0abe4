import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import type { SearchAttributeKind } from '../../domain/search-attributes.ts';
import { ensureSearchAttributes } from '../temporal/search-attributes.ts';

/** What has to be there before the server counts as ready. */
export interface TemporalExpectation {
  address: string;
  namespace: string;
  searchAttributes: Readonly<Record<string, SearchAttributeKind>>;
}

/** A fresh connection for each attempt: gRPC waits longer and longer between the attempts of one. */
const ATTEMPT_TIMEOUT_MS = 2_000;
const POLL_MS = 50;

/**
 * Whether the server can be used within `boundMs`; gives up earlier when `goesOn` says that waiting is in vain.
 * Registers search attributes that are missing: the development server does so only when it makes the namespace, so a
 * database of an earlier version of ours lacks the newer ones.
 */
export async function temporalAnswers(
  expected: TemporalExpectation,
  options: { boundMs: number; goesOn: () => Promise<boolean> },
): Promise<boolean> {
  const deadline = performance.now() + options.boundMs;
  for (;;) {
    if (await answersNow(expected)) return true;
    if (performance.now() >= deadline || !(await options.goesOn())) return false;
    await delay(POLL_MS);
  }
}

async function answersNow({ address, ...wanted }: TemporalExpectation): Promise<boolean> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: ATTEMPT_TIMEOUT_MS });
    try {
      return await connection.withDeadline(Date.now() + ATTEMPT_TIMEOUT_MS, async () => {
        await connection.workflowService.describeNamespace({ namespace: wanted.namespace });
        return await ensureSearchAttributes(connection, wanted);
      });
    } finally {
      await connection.close();
    }
  } catch {
    return false;
  }
}
