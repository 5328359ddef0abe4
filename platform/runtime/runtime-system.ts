import { SERVICE_FILES } from '../../domain/postgrest/conf.ts';

/**
 * Environment of a PostgREST process: where libpq's service file is, which has the login, and the thread count of GHC's run-time
 * system, which does not look at CPU limits by itself. Never a secret: environments can be read by inspection (R14).
 * @param directory of its files, as it sees it
 */
export function serviceEnvironment(limits: { cpus?: number }, directory: string): Record<string, string> {
  return {
    PGSERVICEFILE: `${directory}/${SERVICE_FILES.login}`,
    ...(limits.cpus !== undefined && { GHCRTS: `-N${Math.max(1, Math.ceil(limits.cpus))}` }),
  };
}

/** Environment of a PostgREST that checks its configuration beside one that runs: it must not listen on the same ports. */
export const CHECK_ENVIRONMENT: Readonly<Record<string, string>> = {
  PGRST_SERVER_HOST: '127.0.0.1',
  PGRST_SERVER_PORT: '0',
  PGRST_ADMIN_SERVER_PORT: '',
};
