import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceLaunch, ServiceState } from '../../../platform/runtime/service-runtime.ts';
import { awaitReady, logEnd, notReady } from '../await-ready.ts';
import { writeFiles } from '../bundle-for-host.ts';
import type { HostContext } from '../context.ts';
import { copyServiceDirectory } from '../service-directory.ts';
import { startUnit } from '../start-unit.ts';
import { applyFiles } from './apply-files.ts';
import { checkFiles } from './check-files.ts';
import type { ChangeWork, ServiceChange } from './service-change.ts';

/**
 * Changes the files of a unit and has its process read them again; one that does not run is started with them. The files
 * are checked in a directory of their own first, so that a running PostgREST never sees any that it would refuse.
 */
export async function reload(context: HostContext, work: ChangeWork): Promise<NonNullable<ServiceChange['done']>> {
  const { records, runtime, gateways } = context;
  const { change, bundle, readyTimeoutMs, say, signal } = work;
  const { next } = change;
  if (!work.isProven) {
    say('checking the new configuration');
    await checkBeside(context, work);
  }
  await copyServiceDirectory(
    {
      from: next.directory,
      draft: records.directory(next.unit, 'candidate'),
      to: records.directory(next.unit, 'previous'),
    },
    runtime.fileOwner,
  );
  await writeFiles(context, bundle, next);
  const before = await runtime.inspect(next.unit);
  const began = performance.now();
  const isUp = before?.running === true;
  const reloaded = isUp && (await readAgain(context, work));
  if (!reloaded) {
    say('it does not run: starting it');
    await startUnit(context, next);
    await gateways.open(next);
  }
  const readyAt = await awaitReady(context, next, { timeoutMs: readyTimeoutMs, say, signal, oldLog: true });
  if (reloaded && !work.loginProven) await assertSameProcess(context, next, before);
  return { readyAt, gapMs: reloaded ? 0 : Math.round(performance.now() - began), killed: false };
}

/**
 * Between the change of a password on the server and the reload PostgREST may have wanted a connection: it ends then, with words that
 * are otherwise a refusal of the new files. @returns false where it is to be started again
 */
async function readAgain(context: HostContext, work: ChangeWork): Promise<boolean> {
  const { loginProven, readyTimeoutMs, say } = work;
  const { next } = work.change;
  say('reloading');
  const applied = applyFiles(context, next, readyTimeoutMs);
  if (!loginProven) {
    await applied;
    return true;
  }
  const over = new AbortController();
  const read = applied.then(
    () => true,
    () => false,
  );
  try {
    const done = await Promise.race([read, ended(context, next, over.signal)]);
    if (!done) context.log.warn({ unit: next.unit }, 'it ended over its former password, and is started again');
    return done;
  } finally {
    over.abort();
  }
}

/** Between two looks whether a process has ended that may have: it is to be back at once. */
const LOOK_PAUSE_MS = 25;

/** @returns false once the process of a unit has ended; never while it runs */
async function ended({ runtime }: HostContext, { unit }: ServiceLaunch, over: AbortSignal): Promise<boolean> {
  for (;;) {
    if ((await runtime.inspect(unit))?.running !== true) return false;
    await delay(LOOK_PAUSE_MS, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return true;
  }
}

async function checkBeside(context: HostContext, { change, bundle, readyTimeoutMs, say, signal }: ChangeWork) {
  const directory = context.records.directory(change.next.unit, 'candidate');
  const candidate = { ...change.next, directory };
  try {
    await writeFiles(context, bundle, candidate);
    await checkFiles(context, candidate, { timeoutMs: readyTimeoutMs, say, signal });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** One that has ended meanwhile and was started again has cut its clients off: that is no reload. */
async function assertSameProcess(context: HostContext, launch: ServiceLaunch, before: ServiceState): Promise<void> {
  const after = await context.runtime.inspect(launch.unit);
  if (after?.containerId === before.containerId && after.startedAt === before.startedAt) return;
  throw notReady(launch, `it ended while it reloaded; ${await logEnd(context, launch)}`);
}
