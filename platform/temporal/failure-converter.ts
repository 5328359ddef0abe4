import { DefaultFailureConverter } from '@temporalio/common';

/**
 * Puts message and stack of every failure into a payload, which the codec then encrypts; only the type stays readable in
 * histories. The SDK loads this module by path, and bundles it into the workflow sandbox: nothing of Node may be imported here.
 */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
