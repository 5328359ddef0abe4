import { describe, expect, test } from 'vitest';
import { formatTraceParent, parseTraceParent, runSpan, runSpanId } from '../../../domain/tracing/run-span.ts';

const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('a traceparent', () => {
  test('is read and written as W3C has it', () => {
    const parsed = parseTraceParent(PARENT);
    expect(parsed).toEqual({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      traceFlags: 1,
    });
    expect(parsed && formatTraceParent(parsed)).toBe(PARENT);
  });

  test.each([
    undefined,
    7,
    '',
    'canary',
    PARENT.slice(1),
    PARENT.toUpperCase(),
    `${PARENT}-more`,
    PARENT.replace(/^00/, '01'),
    PARENT.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
    PARENT.replace('00f067aa0ba902b7', '0'.repeat(16)),
  ])('that is none is nothing: %j', (text) => {
    expect(parseTraceParent(text)).toBeUndefined();
  });
});

describe('the span of a run', () => {
  const parent = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', traceFlags: 1 };
  const run = {
    workflowType: 'provisionDatabase',
    workflowId: 'provision-database/storefront/1',
    runId: '01a219d8-1950-7b26-9847-ab74a8f19461',
    parent,
    startedAt: 1_700_000_000_250,
    endedAt: 1_700_000_001_500,
    succeeded: true,
  };

  test('has the id that follows from the run, whoever continues it', () => {
    expect(runSpanId(run.runId)).toBe('9847ab74a8f19461');
    expect(runSpan(run).spanContext).toEqual({ ...parent, spanId: '9847ab74a8f19461' });
  });

  test('never has the id that stands for none', () => {
    expect(runSpanId('00000000-0000-0000-0000-000000000000')).toMatch(/^(?!0+$)[0-9a-f]{16}$/);
    expect(runSpanId('run')).toMatch(/^(?!0+$)[0-9a-f]{16}$/);
  });

  test('says when it was, below what started it, and whether it succeeded', () => {
    expect(runSpan(run)).toMatchObject({
      name: 'RunWorkflow:provisionDatabase',
      parentSpanId: parent.spanId,
      startTime: [1_700_000_000, 250_000_000],
      endTime: [1_700_000_001, 500_000_000],
      duration: [1, 250_000_000],
      status: { code: 1 },
    });
    expect(runSpan({ ...run, succeeded: false }).status).toEqual({ code: 2 });
  });

  test('lasts no time where the clock was set back', () => {
    expect(runSpan({ ...run, endedAt: run.startedAt - 5_000 }).duration).toEqual([0, 0]);
  });
});
