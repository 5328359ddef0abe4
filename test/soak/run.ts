import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { RuntimeKind } from '../../domain/services.ts';
import { checkAudit } from './checks/audit.ts';
import type { Check, Checked } from './checks/check.ts';
import { checkDocument } from './checks/documents.ts';
import { checkHosts } from './checks/hosts.ts';
import { checkLeases } from './checks/leases.ts';
import { checkLogins } from './checks/logins.ts';
import { loggedErrors } from './checks/logs.ts';
import { checkMetadata } from './checks/metadata.ts';
import { checkRotations, checkSchedules, completedRuns } from './checks/rotations.ts';
import { checkSecrets } from './checks/secrets.ts';
import { checkTargetServer } from './checks/target-server.ts';
import { checkBatches, checkTasks } from './checks/tasks.ts';
import { createClient } from './client.ts';
import { type Installation, startInstallation, startOthers } from './installation.ts';
import { createJournal, type Journal } from './journal.ts';
import { createKiller, type Killer } from './kills.ts';
import { MEMORY_BOUND_MIB_PER_MINUTE, type MemoryReport, reportMemory, watchMemory } from './memory.ts';
import { createRandom } from './random.ts';
import { comeToRest } from './rest.ts';
import { GRACE_SECONDS, prepare, registerServer } from './setup.ts';
import { clusterRoles } from './traffic/cluster-roles.ts';
import { databases } from './traffic/databases.ts';
import { type AppliedDocument, documents } from './traffic/documents.ts';
import { leases } from './traffic/leases.ts';
import { logins, triggers } from './traffic/rotations.ts';
import type { Traffic } from './traffic/traffic.ts';
import { users } from './traffic/users.ts';

export interface SoakOptions {
  seed: string;
  /** How long there is traffic. */
  minutes: number;
  /** Clients of each kind. */
  concurrency: number;
  killEverySeconds: number;
  /** The traffic goes on until so many were killed. */
  leastKills: number;
  /** How the services of the two hosts run. */
  runtimes: readonly [RuntimeKind, RuntimeKind];
  /** Aborted by Ctrl-C: everything is stopped at once, and nothing is checked. */
  signal: AbortSignal;
  /** Keep the state also where everything is right. */
  keep: boolean;
  say: (text: string) => void;
}

/** What came of a soak. */
export interface SoakReport {
  journal: Journal;
  kills: Killer['kills'];
  memory: MemoryReport[];
  /** Completed runs by role. */
  rotations: Map<string, number>;
  errors: Awaited<ReturnType<typeof loggedErrors>>;
  /** Processes that ended although nobody had killed them. */
  endings: { name: string; afterStart: string[]; atStart: number }[];
  violations: string[];
  /** Kept where there are violations. */
  home: string;
}

const PROGRESS_MS = 10_000;
const POLL_MS = 500;
const SHARED_TABLE = 'CREATE TABLE shared_items (id int)';

/** After the traffic, when everything is at rest. */
const CHECKS: Check[] = [
  checkTasks,
  checkBatches,
  checkLeases,
  checkTargetServer,
  checkMetadata,
  checkHosts,
  checkLogins,
  checkRotations,
  checkDocument,
  checkAudit,
  checkSecrets,
];

/** Runs a whole installation under load while its processes are killed, and then looks whether every promise was kept. */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { signal, say, runtimes } = options;
  const installation = await startInstallation({ runtimes, progress: say });
  say(`state is in ${installation.home}`);
  let kept = true;
  try {
    const report = await soak(installation, options);
    kept = options.keep || report.violations.length > 0;
    return report;
  } finally {
    if (signal.aborted) kept = false;
    await installation.stop();
    await installation.removeServices();
    if (!kept) await installation.remove();
  }
}

async function soak(installation: Installation, options: SoakOptions): Promise<SoakReport> {
  const { seed, minutes, signal, say } = options;
  const journal = createJournal();
  const random = createRandom(seed);
  const { apiUrls: urls, adminToken: token } = installation;
  const client = createClient({ urls, token, journal, signal });
  const baseline = await registerServer(installation, client);
  await startOthers(installation);
  say('all processes are there');
  await installation.queryShared(SHARED_TABLE);
  const prepared = await prepare({ installation, client, journal, random: random.fork('setup') });
  say('the traffic begins');

  const closing = new AbortController();
  // Every client listens.
  setMaxListeners(0, closing.signal, signal);
  const startedAt = performance.now();
  const memory = watchMemory(installation);
  const traffic = (name: string): Traffic => {
    return { client, journal, installation, random: random.fork(name), closing: closing.signal };
  };
  const killer = createKiller({
    installation,
    random: random.fork('kills'),
    everyMs: options.killEverySeconds * 1000,
    spare: () => performance.now() - startedAt > (minutes * 60_000) / 3,
    say,
  });
  const applied: AppliedDocument = { last: undefined };
  const work = startTraffic(traffic, { ...prepared, applied, concurrency: options.concurrency });
  const progress = setInterval(() => say(progressLine(journal, killer, startedAt)), PROGRESS_MS);
  const killing = killer.run(closing.signal);
  try {
    await Promise.race([delay(minutes * 60_000, undefined, { signal }), work, killing]);
    while (killed(killer) < options.leastKills)
      await Promise.race([delay(POLL_MS, undefined, { signal }), work, killing]);
    closing.abort();
    say('the traffic ends');
    await Promise.all([work, killing]);
  } finally {
    closing.abort();
    clearInterval(progress);
    // A server that was killed is about to be started again: only after that everything can be stopped.
    await Promise.allSettled([killing, ...(signal.aborted ? [work] : [])]);
  }
  const lives = memory.stop();
  const lasted = (performance.now() - startedAt) / 60_000;
  const checked: Checked = { installation, journal, client, baseline, applied, ...prepared, minutes: lasted };
  const complaints = [
    ...(await checkSchedules(checked)),
    ...(await pauseRotations(checked)),
    ...(await comeToRest(installation, { signal, say })).map((what) => `not at rest: ${what}`),
  ];
  for (const check of CHECKS) {
    signal.throwIfAborted();
    complaints.push(...(await check(checked)));
  }
  const counts = await completedRuns(installation);
  const memoryReports = reportMemory(lives);
  const errors = await loggedErrors(installation);
  const endings = installation.processes.map(({ name, endings }) => ({ name, ...endings }));
  return {
    journal,
    kills: killer.kills,
    memory: memoryReports,
    rotations: new Map([...journal.rotations].map(([role, { id }]) => [role, counts.get(id) ?? 0])),
    errors,
    endings,
    home: installation.home,
    violations: [
      ...[...journal.violations].map(([text, count]) => (count === 1 ? text : `${count} × ${text}`)),
      ...complaints,
      ...endings.flatMap(({ name, afterStart }) => afterStart.map((how) => `${name} ended by itself: ${how}`)),
      ...memoryReports.flatMap(({ name, mibPerMinute }) =>
        mibPerMinute !== undefined && mibPerMinute > MEMORY_BOUND_MIB_PER_MINUTE
          ? [`the memory of ${name} grows by ${mibPerMinute.toFixed(2)} MiB a minute`]
          : [],
      ),
      ...[...errors].flatMap(([text, { count, example }]) =>
        text.includes('unexpectedly') ? [`${count} × logged: ${text}: ${example}`] : [],
      ),
    ],
  };
}

function startTraffic(
  traffic: (name: string) => Traffic,
  of: Awaited<ReturnType<typeof prepare>> & { applied: AppliedDocument; concurrency: number },
): Promise<unknown> {
  const { rotated, clusterId, applied, concurrency } = of;
  const each = <T>(name: string, work: (traffic: Traffic, slot: number) => Promise<T>) =>
    Array.from({ length: concurrency }, (_, slot) => work(traffic(`${name} ${slot}`), slot));
  return Promise.all([
    ...each('databases', databases),
    ...each('users', users),
    ...each('leases', leases),
    documents(traffic('documents'), applied),
    clusterRoles(traffic('cluster roles'), clusterId),
    triggers(traffic('triggers'), rotated),
    ...rotated.map((one) => logins(traffic(`logins of ${one.role}`), one, GRACE_SECONDS * 1000)),
  ]);
}

/** So that there is an end of what schedules start. */
async function pauseRotations({ journal, client }: Checked): Promise<string[]> {
  const answers = await Promise.all(
    [...journal.rotations.values()].map(({ id }) => client.call('POST', `/v1/rotations/${id}/pause`)),
  );
  return answers.flatMap(({ status, body }) =>
    status === 200 ? [] : [`a rotation was not paused: ${status} ${JSON.stringify(body)}`],
  );
}

const sum = (of: Iterable<number>): number => [...of].reduce((total, one) => total + one, 0);
const killed = (killer: Killer): number => sum(killer.kills.values());

function progressLine(journal: Journal, killer: Killer, startedAt: number): string {
  const tallies = [...journal.tallies.values()];
  return [
    `${Math.round((performance.now() - startedAt) / 1000)} s`,
    `${sum(tallies.map(({ ok }) => ok))} ok`,
    `${sum(tallies.map(({ undone }) => undone))} undone`,
    `${sum(tallies.map(({ failed }) => failed))} failed`,
    `${journal.tried.logins} logins`,
    `${journal.retries} retries`,
    `${killed(killer)} kills`,
    `${sum(journal.violations.values())} violations`,
  ].join(', ');
}
