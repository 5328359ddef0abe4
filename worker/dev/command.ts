import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Config } from '../../platform/config/config.ts';
import { createLogger } from '../../platform/log.ts';
import { untilSignal } from '../until-signal.ts';
import { startDevStack } from './stack.ts';
import { welcome } from './welcome.ts';

/** `dev`: everything in one process. People read standard output; the log goes to a file. */
export async function runDev(config: Config, env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<number> {
  const startedAt = performance.now();
  const logFile = join(config.home, 'logs', 'pgsteward.log');
  await mkdir(join(config.home, 'logs'), { recursive: true, mode: 0o711 });
  const log = createLogger({
    level: config.logLevel,
    service: 'dev',
    destination: pino.destination({ dest: logFile, mode: 0o600, sync: true }),
  });
  // From now on: a Ctrl-C during the start stops what has been started.
  const signal = untilSignal();
  const starting = startDevStack({ config, env, log, say });
  const first = await Promise.race([starting.then(() => 'started' as const), signal]);
  if (first !== 'started') say(`${first}: waiting for the start to end, then stopping`);
  const stack = await starting;
  if (first === 'started') {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    say(welcome({ apiUrl: stack.apiUrl, uiUrl: stack.uiUrl, hostId: config.host.id, logFile, seconds }));
    say(`\n${await signal}: stopping`);
  }
  await stack.stop((part) => say(`stopped: ${part}`));
  return 0;
}
