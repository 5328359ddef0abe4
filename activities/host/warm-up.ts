import { newestVersion } from '../../domain/postgrest/versions.ts';
import type { HostContext } from './context.ts';

/**
 * Makes sure of the image that `latest` means here ahead of the first deployment, which is quick then. A failure is only
 * logged: a deployment that needs the image meets it again, and reports it to whoever asked.
 */
export async function warmUp({ runtime, log }: HostContext): Promise<void> {
  try {
    const newest = newestVersion(await runtime.availableVersions());
    if (newest === undefined) return;
    const { image } = await runtime.prepare({ version: newest.version, progress: (text) => log.info(text) });
    log.info({ image }, 'PostgREST is ready to be started');
  } catch (error) {
    log.warn({ err: error }, 'PostgREST could not be prepared ahead of the first deployment');
  }
}
