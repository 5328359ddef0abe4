import { fileURLToPath } from 'node:url';
import { run } from './run.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Variables of docker-compose.yml that name images. */
export type Images = Record<'PGSTEWARD_IMAGE' | 'POSTGRES_IMAGE' | 'TEMPORAL_IMAGE' | 'TEMPORAL_UI_IMAGE', string>;

/** Images for the tests: made on this machine from this working tree, where they are not there already. */
export async function localImages(): Promise<Images> {
  const { stdout } = await run('scripts/local-images.sh', [], { cwd: ROOT });
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=', 2)),
  ) as Images;
}
