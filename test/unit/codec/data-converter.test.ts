import { ApplicationFailure } from '@temporalio/common';
import {
  decodeOptionalFailureToOptionalError,
  encodeErrorToFailure,
  loadDataConverter,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode } from '@temporalio/worker';
import { describe, expect, test } from 'vitest';
import { createDataConverter, failureConverterPath } from '../../../platform/temporal/data-converter.ts';
import { testKeyring } from '../secrets/test-keyring.ts';

describe('a failure on its way through Temporal', () => {
  test('shows its type and hides message, stack, details and causes', async () => {
    const converter = loadDataConverter(
      createDataConverter({ keyring: await testKeyring('k1'), namespace: 'default' }),
    );
    const failure = await encodeErrorToFailure(
      converter,
      ApplicationFailure.create({
        type: 'SqlRefused',
        message: 'canary-message',
        details: [{ statement: 'canary-detail' }],
        cause: new Error('canary-cause'),
        nonRetryable: true,
      }),
    );
    expect(failure).toMatchObject({
      message: 'Encoded failure',
      applicationFailureInfo: { type: 'SqlRefused', nonRetryable: true },
      cause: { message: 'Encoded failure' },
    });
    const wire = JSON.stringify(failure, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    );
    expect(wire).not.toContain('canary');

    const error = await decodeOptionalFailureToOptionalError(converter, failure);
    expect(error).toMatchObject({
      message: 'canary-message',
      type: 'SqlRefused',
      details: [{ statement: 'canary-detail' }],
      cause: { message: 'canary-cause' },
    });
  });

  test('is converted by a module that the workflow sandbox can hold', async () => {
    const { code } = await bundleWorkflowCode({
      workflowsPath: failureConverterPath,
      failureConverterPath,
      logger: SILENT,
    });
    expect(code).toContain('encodeCommonAttributes: true');
  });
});

test('histories can be turned into JSON, which takes a single copy of protobufjs', () => {
  expect(() => historyToJSON({ events: [] })).not.toThrow();
  const input = { payloads: [{ data: Buffer.from('x') }] };
  const history = historyToJSON({ events: [{ workflowExecutionStartedEventAttributes: { input } }] });
  expect(JSON.parse(history)).toMatchObject({
    events: [{ workflowExecutionStartedEventAttributes: { input: { payloads: [{ data: 'eA==' }] } } }],
  });
});

const SILENT = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} };
