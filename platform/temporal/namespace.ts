import { type Connection, isGrpcServiceError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';

/** Codes of gRPC. */
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const MS_PER_DAY = 86_400_000;

/**
 * Looks for a namespace, and registers it where that is wanted and it is missing; one that is there is left as it is.
 * @returns whether it was there
 */
export async function ensureNamespace(
  connection: Connection,
  wanted: { namespace: string; register?: { retentionDays: number } },
): Promise<boolean> {
  const { namespace, register } = wanted;
  const found = await unless(NOT_FOUND, connection.workflowService.describeNamespace({ namespace }));
  if (found || register === undefined) return found;
  await unless(
    ALREADY_EXISTS,
    connection.workflowService.registerNamespace({
      namespace,
      description: 'pgsteward',
      workflowExecutionRetentionPeriod: msToTs(register.retentionDays * MS_PER_DAY),
    }),
  );
  return false;
}

/** @returns whether the call succeeded; false with that one error */
async function unless(code: number, call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === code) return false;
    throw error;
  }
}
