import { table } from '../statistics.ts';

/** Seconds on a machine of 2 cores with PostgreSQL 15 and fsync on, whole process, median of 3. Measured elsewhere, not here. */
const PEERS = {
  W1: [
    ['raw SQL from Node, its start left out', 0.04, 0.03, undefined],
    ['ldap2pg 6.6, rules written to suit it', 0.26, 0.05, undefined],
    ['ldap2pg 6.6, its built-in privilege set', 0.7, 0.06, undefined],
    ['Terraform, cyrilgdn/postgresql', 9.7, 3.9, undefined],
  ],
  W2: [
    ['raw SQL from Node, its start left out', 0.29, 0.22, 0.2],
    ['ldap2pg 6.6, rules written to suit it', 1.3, 0.26, 0.25],
    ['ldap2pg 6.6, its built-in privilege set', 9.7, 0.36, 0.38],
    ['Terraform, cyrilgdn/postgresql', 48.9, 15.5, 0.9],
  ],
} as const satisfies Record<string, readonly (readonly [string, ...(number | undefined)[]])[]>;

/** Seconds of first apply, nothing to do and 100 changes. */
export type Seconds = readonly [number, number, number];

/** What other tools took for the same workload on another machine, beside what ours took on this one. */
export function peersTable(workload: keyof typeof PEERS, ours: Seconds, floor: Seconds): string {
  const seconds = (value: number | undefined) => (value === undefined ? '' : value.toFixed(2));
  const rows = [
    ['here: raw SQL from Node', ...floor],
    ['here: pgsteward, through HTTP', ...ours],
    ...PEERS[workload].map(([tool, ...values]) => [`elsewhere: ${tool}`, ...values] as const),
  ] as const;
  return table([
    ['seconds', 'first apply', 'nothing to do', '100 changes'],
    ...rows.map(([tool, ...values]) => [tool, ...values.map(seconds)]),
  ]);
}
