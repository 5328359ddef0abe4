import { table } from '../../bench/statistics.ts';
import { MEMORY_BOUND_MIB_PER_MINUTE } from './memory.ts';
import type { SoakReport } from './run.ts';

const MOST_ERRORS = 15;
const MOST_SLOW = 10;

/** The summary of a soak, for people. */
export function reportText(report: SoakReport): string {
  const { journal, violations } = report;
  return [
    section('Operations', operations(report)),
    `logins while rotations went on: ${journal.tried.logins}, nobody answered ${journal.tried.unreachable}, ` +
      `refused in place ${journal.tried.inPlaceRefused}; requests sent again: ${journal.retries}`,
    section('Slowest', slowest(report)),
    section('Rotations', [
      ['role', 'completed runs'],
      ...[...report.rotations].map(([role, runs]) => [role, `${runs}`]),
    ]),
    section('Kills', [['what', 'times'], ...[...report.kills].map(([victim, times]) => [victim, `${times}`])]),
    section('Processes', processes(report)),
    section(`Memory (MiB; bound of the slope ${MEMORY_BOUND_MIB_PER_MINUTE} a minute)`, memory(report)),
    section('Logged as errors', errors(report)),
    violations.length === 0
      ? 'No violation.'
      : `${violations.length} violations; the state is in ${report.home}\n${violations.map((one) => `- ${one}`).join('\n')}`,
  ].join('\n\n');
}

const section = (title: string, rows: string[][]): string => `${title}\n${table(rows)}`;

function operations({ journal }: SoakReport): string[][] {
  const rows = [...journal.tallies].toSorted(([a], [b]) => a.localeCompare(b));
  return [
    ['operation', 'ok', 'undone', 'failed', 'p50 ms', 'p95 ms'],
    ...rows.map(([kind, { ok, undone, failed, latenciesMs }]) => [
      ...[kind, `${ok}`, `${undone}`, `${failed}`],
      ...[percentile(latenciesMs, 0.5), percentile(latenciesMs, 0.95)],
    ]),
  ];
}

function slowest({ journal }: SoakReport): string[][] {
  const rows = journal.slow.toSorted((a, b) => b.ms - a.ms).slice(0, MOST_SLOW);
  return [
    ['operation', 'about', 'seconds', 'ended'],
    ...rows.map(({ kind, about, ms, endedAt }) => [
      ...[kind, about, (ms / 1000).toFixed(0), endedAt.toISOString().slice(11, 19)],
    ]),
  ];
}

function percentile(values: readonly number[], part: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return String(Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0));
}

function processes({ endings }: SoakReport): string[][] {
  return [
    ['process', 'ended by itself', 'did not come up'],
    ...endings.map(({ name, afterStart, atStart }) => [name, `${afterStart.length}`, `${atStart}`]),
  ];
}

function memory(report: SoakReport): string[][] {
  return [
    ['process', 'minutes', 'first', 'last', 'most', 'a minute'],
    ...report.memory.map(({ name, minutes, firstMib, lastMib, maxMib, mibPerMinute }) => [
      ...[name, minutes.toFixed(1), firstMib.toFixed(0), lastMib.toFixed(0), maxMib.toFixed(0)],
      mibPerMinute === undefined ? 'too short' : mibPerMinute.toFixed(2),
    ]),
  ];
}

function errors(report: SoakReport): string[][] {
  const rows = [...report.errors].toSorted(([, a], [, b]) => b.count - a.count).slice(0, MOST_ERRORS);
  return [['message', 'times'], ...rows.map(([text, { count }]) => [text.slice(0, 110), `${count}`])];
}
