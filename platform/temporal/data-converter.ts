import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import type { Keyring } from '../secrets/keyring.ts';
import { createEncryptionCodec } from './codec.ts';

/** Module with the failure converter; workflow bundles need it as well, under `failureConverterPath`. */
export const failureConverterPath = fileURLToPath(new URL('./failure-converter.ts', import.meta.url));

/**
 * How everything of ours that speaks to Temporal converts data: clients, workers, schedules and replays must all use the
 * same converter, or they cannot read each other.
 */
export function createDataConverter(options: { keyring: Keyring; namespace: string }): DataConverter {
  return { failureConverterPath, payloadCodecs: [createEncryptionCodec(options)] };
}
