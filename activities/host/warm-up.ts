import { POSTGREST_VERSIONS } from '../../domain/postgrest/versions.ts';
import type { HostContext } from './context.ts';

/**
 * Makes sure of the newest version's image ahead of the first deployment, which is quick then. A failure is only logged:
 * a deployment that needs the image meets it again, and reports it to whoever asked.
 */
export async function warmUp({ runtime, log }: HostContext): Promise<void> {
  const newest = POSTGREST_VERSIONS.at(-1);
  if (newest === undefined) return;
  try {
    const { image } = await runtime.prepare({ version: newest.version, progress: (text) => log.info(text) });
    log.info({ image }, 'PostgREST is ready to be started');
  } catch (error) {
    log.warn({ err: error }, 'PostgREST could not be prepared ahead of the first deployment');
  }
}
