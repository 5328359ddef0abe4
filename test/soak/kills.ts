import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { servicesDirectory } from '../../activities/host/instance-records.ts';
import { readPostmaster } from '../../platform/local/postmaster.ts';
import { findRecorded } from '../../platform/local/supervised-process.ts';
import { processesIn } from '../support/services.ts';
import type { Installation, SoakServer } from './installation.ts';
import type { Random } from './random.ts';
import type { Command } from './supervised.ts';

/** What is killed; each is started again by who supervises it in production. */
const VICTIMS = [
  'api',
  'worker',
  'host',
  'Temporal',
  'backend',
  'target server',
  'metadata server',
  'service',
] as const;
export type Victim = (typeof VICTIMS)[number];

/** How often each is in the deck: what runs most often ends most often. */
const CARDS: Record<Victim, number> = {
  api: 2,
  worker: 2,
  host: 2,
  Temporal: 1,
  backend: 2,
  'target server': 1,
  'metadata server': 1,
  service: 1,
};
/** How long a server is away. */
const AWAY_MS = 12_000;

export interface Killer {
  /** Kills, every now and then, until it is closed; resolves when everything runs again. */
  run(closing: AbortSignal): Promise<void>;
  kills: ReadonlyMap<Victim, number>;
}

/**
 * Deals victims from a shuffled deck, so that each has its turn in a short run, too.
 * @param options.spare whether the first process of each kind is left alone by now, so that its memory can be watched
 */
export function createKiller(options: {
  installation: Installation;
  random: Random;
  everyMs: number;
  spare: () => boolean;
  say: (text: string) => void;
}): Killer {
  const { installation, random, everyMs, spare, say } = options;
  const kills = new Map<Victim, number>();
  let deck: Victim[] = [];

  function deal(): Victim {
    // All kinds once, then the rest.
    if (deck.length === 0) {
      const more = VICTIMS.flatMap((victim) => Array.from({ length: CARDS[victim] - 1 }, () => victim));
      deck = [...random.shuffle(more), ...random.shuffle(VICTIMS)];
    }
    const dealt = deck.pop();
    if (dealt === undefined) throw new Error('the deck is empty');
    return dealt;
  }

  function killProcess(command: Command): string | undefined {
    const all = installation.processes.filter((one) => one.command === command);
    const victim = random.pick(spare() && all.length > 1 ? all.slice(1) : all);
    if (victim.pid() === undefined) return undefined;
    victim.kill();
    return victim.name;
  }

  async function killServer({ dataDir, server, name }: SoakServer): Promise<string | undefined> {
    const postmaster = await readPostmaster(dataDir);
    if (postmaster === undefined) return undefined;
    process.kill(postmaster.pid, 'SIGKILL');
    await delay(random.int(0, AWAY_MS));
    await server.start();
    return name;
  }

  async function killTemporal(): Promise<string | undefined> {
    const { stateDir, local } = installation.temporal;
    const found = await findRecorded(join(stateDir, 'temporal.process.json'));
    if (found === undefined) return undefined;
    process.kill(found.pid, 'SIGKILL');
    await delay(random.int(0, AWAY_MS));
    await local.start();
    return 'Temporal';
  }

  /** As an administrator ends a session; SIGKILL of a backend would take the whole server with it, which has its own card. */
  async function killBackend(): Promise<string | undefined> {
    const sessions = await installation.target.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'pgsteward%' AND pid <> pg_backend_pid() ORDER BY pid`,
    );
    if (sessions.length === 0) return undefined;
    await installation.target.query('SELECT pg_terminate_backend($1)', [random.pick(sessions).pid]);
    return 'a session of ours on the target server';
  }

  async function killService(): Promise<string | undefined> {
    const pids = await Promise.all(installation.hosts.map(({ dataDir }) => processesIn(servicesDirectory(dataDir))));
    if (pids.flat().length === 0) return undefined;
    process.kill(random.pick(pids.flat()), 'SIGKILL');
    return 'a PostgREST';
  }

  const ways: Record<Victim, () => Promise<string | undefined> | string | undefined> = {
    api: () => killProcess('api'),
    worker: () => killProcess('worker'),
    host: () => killProcess('host'),
    Temporal: killTemporal,
    backend: killBackend,
    'target server': () => killServer(installation.target),
    'metadata server': () => killServer(installation.metadata),
    service: killService,
  };

  async function killOne(): Promise<void> {
    const victim = deal();
    try {
      const killed = await ways[victim]();
      if (killed === undefined) return say(`nothing to kill: ${victim}`);
      kills.set(victim, (kills.get(victim) ?? 0) + 1);
      say(`killed ${killed}`);
    } catch (error) {
      // It ended by itself before the signal.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }

  return {
    kills,
    async run(closing) {
      while (!closing.aborted) {
        await delay(everyMs * (0.75 + random.next() / 2), undefined, { signal: closing }).catch(() => undefined);
        if (!closing.aborted) await killOne();
      }
    },
  };
}
