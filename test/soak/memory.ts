import { readFile } from 'node:fs/promises';
import type { Installation } from './installation.ts';

/** Resident memory of one process over its life. */
export interface MemoryOfProcess {
  name: string;
  pid: number;
  samples: { atMs: number; mib: number }[];
}

/** What became of the memory of a process. */
export interface MemoryReport {
  name: string;
  minutes: number;
  firstMib: number;
  lastMib: number;
  maxMib: number;
  /** Undefined where the life was too short to tell. */
  mibPerMinute: number | undefined;
}

const EVERY_MS = 5_000;
const PAGE_BYTES = 4096;
const MIB = 2 ** 20;
/** Shorter lives say more about the start of a process than about what it keeps: the heap of a control worker fills for ten minutes. */
const LEAST_MINUTES = 15;
/**
 * Bound of the slope. Node's heap breathes by tens of MiB; what leaks a kilobyte with each request of a busy installation is far
 * above this within minutes.
 */
export const MEMORY_BOUND_MIB_PER_MINUTE = 2;

/** Looks at the resident memory of every process of ours, all the time. */
export function watchMemory({ processes }: Installation): { stop(): MemoryOfProcess[] } {
  const lives = new Map<string, MemoryOfProcess>();
  const startedAt = performance.now();
  const look = async () => {
    for (const { name, pid: pidOf } of processes) {
      const pid = pidOf();
      if (pid === undefined) continue;
      const statm = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => undefined);
      // A process that has ended and is not reaped yet has no memory any more.
      if (statm === undefined || statm.startsWith('0 ')) continue;
      const life = lives.get(`${name} ${pid}`) ?? { name, pid, samples: [] };
      const mib = (Number(statm.split(' ')[1]) * PAGE_BYTES) / MIB;
      life.samples.push({ atMs: performance.now() - startedAt, mib });
      lives.set(`${name} ${pid}`, life);
    }
  };
  const timer = setInterval(() => void look(), EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      return [...lives.values()];
    },
  };
}

/** The longest life of each process, with the slope after its first third. */
export function reportMemory(lives: readonly MemoryOfProcess[]): MemoryReport[] {
  const names = [...new Set(lives.map(({ name }) => name))].toSorted();
  return names.flatMap((name) => {
    const longest = lives.filter((life) => life.name === name).toSorted((a, b) => spanOf(b) - spanOf(a))[0];
    const [first, last] = [longest?.samples[0], longest?.samples.at(-1)];
    if (longest === undefined || first === undefined || last === undefined) return [];
    const minutes = spanOf(longest) / 60_000;
    const mibPerMinute = minutes < LEAST_MINUTES ? undefined : slope(longest.samples);
    const maxMib = Math.max(...longest.samples.map(({ mib }) => mib));
    return [{ name, minutes, firstMib: first.mib, lastMib: last.mib, maxMib, mibPerMinute }];
  });
}

const spanOf = ({ samples }: MemoryOfProcess) => (samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0);

/**
 * Theil-Sen: the median of the slopes between any two of the lowest samples of each minute, after the first third. The lowest, because
 * garbage that waits for its collector is no leak; the median, because one burst must not decide.
 */
function slope(samples: MemoryOfProcess['samples']): number {
  const from = (samples[0]?.atMs ?? 0) + ((samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0)) / 3;
  const lowest = new Map<number, number>();
  for (const { atMs, mib } of samples) {
    if (atMs < from) continue;
    const minute = Math.floor(atMs / 60_000);
    lowest.set(minute, Math.min(mib, lowest.get(minute) ?? Number.POSITIVE_INFINITY));
  }
  const points = [...lowest];
  const slopes = points.flatMap(([minute, mib], index) =>
    points.slice(index + 1).map(([later, more]) => (more - mib) / (later - minute)),
  );
  return slopes.toSorted((a, b) => a - b)[Math.floor(slopes.length / 2)] ?? 0;
}
