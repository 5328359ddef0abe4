import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../domain/failures.ts';

/** What a data directory says of its server, running or not. */
export interface ControlFile {
  systemIdentifier: string;
  /** In recovery: a standby, running or shut down. */
  state: 'shut down' | 'shut down in recovery' | 'shutting down' | 'in recovery' | 'in production' | 'other';
  timeline: number;
  /** Where the last checkpoint record begins, as bytes of WAL; after a shutdown in order it is the last record of all. */
  checkpoint: number;
}

/**
 * Layouts that begin alike: 13 to 16 have 1300, 17 has 1700, 18 has 1800. `pg_controldata` prints the same, but is in server packages only,
 * and its words are translated.
 */
const KNOWN_LAYOUTS: readonly number[] = [1300, 1700, 1800];
/** Values of the enumeration DBState in pg_control.h. */
const STATES: Readonly<Record<number, ControlFile['state']>> = {
  1: 'shut down',
  2: 'shut down in recovery',
  3: 'shutting down',
  4: 'in recovery',
  5: 'in recovery',
  6: 'in production',
};
/** Offsets in bytes, all numbers in the byte order of the machine; every machine that this runs on is little-endian. */
const AT = { systemIdentifier: 0, layout: 8, state: 16, checkpoint: 32, timeline: 48 } as const;

/** Reads `global/pg_control`. @throws Failure ServerUnavailable where that cannot be read, or has a layout that is not known */
export async function readControlFile(dataDir: string): Promise<ControlFile> {
  const file = join(dataDir, 'global/pg_control');
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new Failure('ServerUnavailable', `${file} cannot be read: is it the data directory?`, { cause });
  });
  const layout = bytes.length < 64 ? 0 : bytes.readUInt32LE(AT.layout);
  if (!KNOWN_LAYOUTS.includes(layout)) {
    throw new Failure('ServerUnavailable', `${file} has layout ${layout}; known are ${KNOWN_LAYOUTS.join(', ')}`);
  }
  return {
    systemIdentifier: bytes.readBigUInt64LE(AT.systemIdentifier).toString(),
    state: STATES[bytes.readUInt32LE(AT.state)] ?? 'other',
    timeline: bytes.readUInt32LE(AT.timeline),
    checkpoint: Number(bytes.readBigUInt64LE(AT.checkpoint)),
  };
}
