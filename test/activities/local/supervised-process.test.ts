import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  findRecorded,
  processStartTime,
  spawnRecorded,
  stopRecorded,
} from '../../../platform/local/supervised-process.ts';
import { startAndKillParent } from './killed-parent.ts';
import { makeStateDirectory } from './state-directory.ts';

describe('a supervised process', () => {
  let directory: Awaited<ReturnType<typeof makeStateDirectory>>;
  let recordFile: string;
  let logFile: string;

  beforeEach(async () => {
    directory = await makeStateDirectory();
    recordFile = join(directory.path, 'process.json');
    logFile = join(directory.path, 'process.log');
  });
  afterEach(async () => {
    await stopRecorded(recordFile, { graceMs: 1_000 });
    await directory.remove();
  });

  it('is found again by its record, which only its owner may read', async () => {
    const started = await spawnRecorded({ command: 'sleep', args: ['60'], logFile, recordFile });

    expect(await findRecorded(recordFile)).toEqual(started);
    expect(started.command).toBe('sleep 60');
    expect((await stat(recordFile)).mode & 0o777).toBe(0o600);
    expect((await stat(logFile)).mode & 0o777).toBe(0o600);
  });

  it('is found again only if its start time matches', async () => {
    const started = await spawnRecorded({ command: 'sleep', args: ['60'], logFile, recordFile });
    const otherRecord = join(directory.path, 'other.json');
    await writeFile(otherRecord, JSON.stringify({ ...started, startTime: `${started.startTime}0` }));

    expect(await findRecorded(otherRecord)).toBeUndefined();
    expect(await stopRecorded(otherRecord, { graceMs: 1_000 })).toBe(false);
    expect(await processStartTime(started.pid)).toBe(started.startTime);
  });

  it('outlives a parent that is killed, and is found by the next one', async () => {
    await startAndKillParent('spawn-recorded.ts', { command: 'sleep', args: ['60'], logFile, recordFile });

    expect(await findRecorded(recordFile)).toMatchObject({ command: 'sleep 60' });
    expect(await stopRecorded(recordFile, { graceMs: 1_000 })).toBe(true);
    expect(await findRecorded(recordFile)).toBeUndefined();
  }, 30_000);

  it('is killed when it does not follow the signal within its grace', async () => {
    const script = 'trap "" TERM; echo deaf; while :; do sleep 60; done';
    const started = await spawnRecorded({ command: 'sh', args: ['-c', script], logFile, recordFile });
    await vi.waitFor(async () => expect(await readFile(logFile, 'utf8')).toContain('deaf'), 10_000);

    expect(await stopRecorded(recordFile, { graceMs: 20 })).toBe(true);
    expect(await processStartTime(started.pid)).toBeUndefined();
  });

  it('does not count as running once it has ended', async () => {
    await spawnRecorded({ command: 'true', args: [], logFile, recordFile });

    await vi.waitFor(async () => expect(await findRecorded(recordFile)).toBeUndefined(), 10_000);
    expect(await stopRecorded(recordFile, { graceMs: 1_000 })).toBe(false);
  });

  it('that cannot be executed ends at once and leaves the reason in its log', async () => {
    await spawnRecorded({ command: '/nonexistent/program', args: [], logFile, recordFile });

    await vi.waitFor(async () => expect(await findRecorded(recordFile)).toBeUndefined(), 10_000);
    expect(await readFile(logFile, 'utf8')).toContain('/nonexistent/program');
  });

  it('is not started where it cannot be recorded', async () => {
    const nowhere = join(directory.path, 'missing', 'process.json');

    await expect(spawnRecorded({ command: 'sleep', args: ['60'], logFile, recordFile: nowhere })).rejects.toThrow(
      /ENOENT/,
    );
  });

  it('is not looked for after a record that cannot be read as one', async () => {
    await writeFile(recordFile, '{"pid": "one"');

    expect(await findRecorded(recordFile)).toBeUndefined();
  });
});
