import type { WorkflowClientInterceptor } from '@temporalio/client';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { REQUEST_HEADER } from '../../domain/tracing/run-span.ts';
import { logContext } from '../log-context.ts';

/**
 * Tells each run that is started which request it is for, in a header that the run hands on to its steps: so the lines of a host
 * name the request that a caller made elsewhere. Headers are not encrypted; the id is no secret.
 */
export const requestHeader: WorkflowClientInterceptor = {
  startWithDetails(input, next) {
    const { requestId } = logContext();
    if (requestId === undefined) return next(input);
    return next({
      ...input,
      headers: { ...input.headers, [REQUEST_HEADER]: defaultPayloadConverter.toPayload(requestId) },
    });
  },
};

/** The request that a run or step is for, as its headers say; undefined where nobody asked for it. */
export function requestOf(headers: Headers): string | undefined {
  const payload = headers[REQUEST_HEADER];
  if (payload === undefined) return undefined;
  const requestId: unknown = defaultPayloadConverter.fromPayload(payload);
  return typeof requestId === 'string' ? requestId : undefined;
}
