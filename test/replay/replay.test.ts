import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { describe, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { REQUEST_HEADER, TRACE_HEADER } from '../../domain/tracing/run-span.ts';
import { createLogger } from '../../platform/log.ts';
import { failureConverterPath } from '../../platform/temporal/data-converter.ts';
import { installTemporalRuntime } from '../../worker/temporal-session.ts';
import * as workflows from '../../workflows/index.ts';
import { HISTORIES } from './histories.ts';

// A refused replay is what one test wants, and Temporal would print it.
installTemporalRuntime(createLogger({ level: 'silent', service: 'replay' }));

const fileSchema = z.object({
  workflowId: z.string(),
  history: z.object({ events: z.array(z.record(z.string(), z.unknown())).min(3) }),
});

const names = readdirSync(HISTORIES).map((file) => file.replace(/\.json$/, ''));

async function load(name: string) {
  const text = await readFile(join(HISTORIES, `${name}.json`), 'utf8');
  return { text, ...fileSchema.parse(JSON.parse(text)) };
}

/** The history of the same run, had it been started by a request in a trace. */
function traced(history: { events: Record<string, unknown>[] }): { events: Record<string, unknown>[] } {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const fields = { [TRACE_HEADER]: headerValue({ traceparent }), [REQUEST_HEADER]: headerValue('a-request') };
  const [started, ...events] = history.events;
  const attributes = z.record(z.string(), z.unknown()).parse(started?.workflowExecutionStartedEventAttributes);
  return {
    events: [{ ...started, workflowExecutionStartedEventAttributes: { ...attributes, header: { fields } } }, ...events],
  };
}

/** A payload as the JSON of a history has it. */
function headerValue(value: unknown): object {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return { metadata: { encoding: base64('json/plain') }, data: base64(JSON.stringify(value)) };
}

/** The text with every piece of base64 in it read as well: payloads are in the clear. */
function readable(text: string): string {
  const pieces = text.match(/"[A-Za-z0-9+/]{8,}={0,2}"/g) ?? [];
  return [text, ...pieces.map((piece) => Buffer.from(piece.slice(1, -1), 'base64').toString('utf8'))].join('\n');
}

describe('runs of earlier code are continued by the code of today', () => {
  test.each(names)('%s', async (name) => {
    const { workflowId, history } = await load(name);
    const code = await readFile(inject('servers').workflowBundleFile, 'utf8');
    await Worker.runReplayHistory(
      { workflowBundle: { code }, dataConverter: { failureConverterPath } },
      history,
      workflowId,
    );
  });

  test.each(names)('in the same way when it is traced: %s', async (name) => {
    const { workflowId, history } = await load(name);
    const code = await readFile(inject('servers').workflowBundleFile, 'utf8');
    await Worker.runReplayHistory(
      { workflowBundle: { code }, dataConverter: { failureConverterPath } },
      traced(history),
      workflowId,
    );
  });

  test('a history that the code of today does not follow is found out', async () => {
    const { workflowId, history } = await load('provision');
    const renamed = JSON.parse(JSON.stringify(history).replaceAll('"createRoles"', '"makeRoles"'));
    const code = await readFile(inject('servers').workflowBundleFile, 'utf8');
    const replay = Worker.runReplayHistory(
      { workflowBundle: { code }, dataConverter: { failureConverterPath } },
      renamed,
      workflowId,
    );
    await expect(replay).rejects.toThrow(/TMPRL1100|[Nn]ondeterminism/);
  });
});

describe('a recorded history holds', () => {
  test.each(names)('no secret and nothing of the machine that recorded it: %s', async (name) => {
    const { text } = await load(name);
    expect(readable(text)).not.toMatch(/c4nary|SCRAM-SHA-256\$|eyJhbGciOi|-----BEGIN/);
    expect(readable(text)).not.toMatch(/\/(root|home|work|tmp|builds)\//);
    expect(text).not.toContain(Buffer.from('binary/encrypted').toString('base64'));
  });
});

test('every workflow that can be started is known here, and has a history', async () => {
  const exported = Object.keys(workflows).sort();
  expect(exported).toEqual([
    'applyRetention',
    'applyRoles',
    'changeRoles',
    'checkDrift',
    'checkHosts',
    'cleanupTask',
    'collectNotifications',
    'confirmJoin',
    'deleteDatabase',
    'dropRole',
    'endLeases',
    'greetHost',
    'heldChange',
    'joinHost',
    'leaveHost',
    'monitorHosts',
    'probeHostPorts',
    'provisionDatabase',
    'reconcile',
    'rotateJwt',
    'rotatePassword',
    'rotationTrigger',
    'sealAudit',
    'sendNotifications',
    'switchover',
    'updateDatabase',
    'watchDrift',
    'watchPrimaries',
  ]);
  const recorded = await Promise.all(names.map(async (name) => startedType((await load(name)).history)));
  expect([...new Set(recorded)].sort()).toEqual(exported);
});

function startedType(history: { events: Record<string, unknown>[] }): string {
  const started = z.object({ workflowType: z.object({ name: z.string() }) });
  return started.parse(history.events[0]?.workflowExecutionStartedEventAttributes).workflowType.name;
}
