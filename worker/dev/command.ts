import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Config } from '../../platform/config/config.ts';
import { createLogger } from '../../platform/log.ts';
import { untilSignal } from '../until-signal.ts';
import { createReport } from './report.ts';
import { type DevStack, startDevStack } from './stack.ts';
import { welcome } from './welcome.ts';

/** `dev`: everything in one process. People read standard output; the log goes to a file. */
export async function runDev(config: Config, env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<number> {
  const logFile = join(config.home, 'logs', 'pgsteward.log');
  await mkdir(join(config.home, 'logs'), { recursive: true, mode: 0o711 });
  const log = createLogger({
    level: config.logLevel,
    service: 'dev',
    destination: pino.destination({ dest: logFile, mode: 0o600, sync: true }),
  });
  // From now on: a Ctrl-C during the start stops what has been started.
  const interrupt = new AbortController();
  const stopping = untilSignal().then((signal) => {
    say(`\n${signal}: stopping`);
    interrupt.abort();
  });
  const stack = await startUnless(interrupt.signal, () =>
    startDevStack({ config, env, log, report: createReport(say), signal: interrupt.signal }),
  );
  if (stack !== undefined) {
    // Since this process began: loading the program counts too.
    const seconds = (performance.now() / 1000).toFixed(1);
    const { host, temporal } = config;
    const apiUrl = stack.apiUrl.replace('//0.0.0.0:', '//127.0.0.1:');
    say(
      welcome({
        ...stack,
        apiUrl,
        hostId: host.id,
        namespace: temporal.namespace,
        tokenFile: config.files.adminToken,
        tokenNeeded: config.auth.mode === 'required',
        home: config.home,
        logFile,
        seconds,
      }),
    );
    try {
      await Promise.race([stopping, stack.broken]);
    } finally {
      await stack.stop();
    }
  }
  return 0;
}

/** Undefined when the start was interrupted; everything is stopped then. */
async function startUnless(interrupt: AbortSignal, start: () => Promise<DevStack>): Promise<DevStack | undefined> {
  try {
    return await start();
  } catch (error) {
    if (interrupt.aborted) return undefined;
    throw error;
  }
}
