import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { servicePlacementSchema } from '../../domain/service-placement-schema.ts';
import type { ServiceLaunch } from './service-runtime.ts';

/** A {@link ServiceLaunch} as it is written to disk. One from before there were units is in the first slot. */
export const launchSchema = servicePlacementSchema
  .extend({ directory: z.string(), unit: z.string().optional() })
  .transform(({ unit, ...launch }): ServiceLaunch => ({ ...launch, unit: unit ?? launch.instanceId }));

/** Content of a JSON file of ours; undefined when there is no file or, after damage to the disk, no usable content. */
export async function readRecord<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
